import { flushPromises, type VueWrapper } from '@vue/test-utils'
import { afterEach, expect, test, vi } from 'vitest'
import { ApiError } from '@/api/problems'
import { show } from '@/testing/show'
import AdverseEventDialog from './AdverseEventDialog.vue'

const api = vi.hoisted(() => ({ reportAdverseEvent: vi.fn() }))
vi.mock('@/api/alerts', () => api)
let shown: VueWrapper | undefined
afterEach(() => {
  shown?.unmount()
  vi.useRealTimers()
})

async function opened(language: 'en' | 'zh' = 'en', timeZone = 'UTC'): Promise<VueWrapper> {
  shown = await show(AdverseEventDialog, { modelValue: false, patientId: 'P-1', alertId: 'a1', timeZone }, { language })
  await shown.setProps({ modelValue: true })
  await flushPromises()
  return shown
}
const submit = async () => (await shown!.find('form').trigger('submit'), await flushPromises())
const problem = () => shown!.find('form [role=alert]').text()

test.each([['en', 'Please fill in the term'], ['zh', '请填写事件名称']] as const)('what is missing is said, and nothing is sent: %s', async (language, words) => {
  await opened(language)
  await submit()
  expect(problem()).toContain(words)
  expect(api.reportAdverseEvent).not.toHaveBeenCalled()
})

test('death is always serious', async () => {
  const dialog = await opened()
  await dialog.find('input[type=radio][value="5"]').setValue(true)
  const serious = dialog.find<HTMLInputElement>('input[type=checkbox]').element
  expect([serious.checked, serious.disabled]).toEqual([true, true])
})

test('what was typed stays when sending fails, and goes out a second time under the same key', async () => {
  const dialog = await opened()
  await dialog.find('#term').setValue('Fever')
  await dialog.find('input[type=radio][value="3"]').setValue(true)
  api.reportAdverseEvent.mockRejectedValueOnce(new ApiError(503, 'Busy', ''))
  await submit()
  expect(problem()).toContain('busy or restarting')
  expect((dialog.find('#term').element as HTMLInputElement).value).toBe('Fever')
  await submit()
  const [first, second] = api.reportAdverseEvent.mock.calls
  expect(first![0]).toMatchObject({ patientId: 'P-1', alertId: 'a1', term: 'Fever', grade: 3, serious: false })
  expect(second).toEqual(first)
  expect(dialog.emitted('reported')).toHaveLength(1)
})

test('an onset that has yet to come is refused here', async () => {
  const dialog = await opened()
  await dialog.find('#term').setValue('Fever')
  await dialog.find('input[type=radio][value="1"]').setValue(true)
  await dialog.find('#onset').setValue('2999-01-01')
  await submit()
  expect(problem()).toContain('cannot lie in the future')
})

const clock = (instant: string) => vi.useFakeTimers({ toFake: ['Date'], now: Date.parse(instant) })
const onset = () => shown!.find<HTMLInputElement>('#onset').element

test.each([['Pacific/Kiritimati', '2026-11-24'], ['Pacific/Pago_Pago', '2026-11-22']])('today is the day by the patient’s clock: %s', async (timeZone, day) => {
  clock('2026-11-23T10:30:00Z')
  await opened('en', timeZone)
  expect([onset().value, onset().max]).toEqual([day, day])
})

test('what is tomorrow by the patient’s clock is refused, whatever day the browser has', async () => {
  clock('2026-11-23T10:30:00Z')
  const dialog = await opened('en', 'Pacific/Pago_Pago')
  await dialog.find('#term').setValue('Fever')
  await dialog.find('input[type=radio][value="1"]').setValue(true)
  await dialog.find('#onset').setValue('2026-11-23')
  await submit()
  expect(problem()).toContain('cannot lie in the future')
})

test('a dialog opened before midnight takes the new day after it', async () => {
  clock('2026-11-23T23:59:00Z')
  const dialog = await opened()
  clock('2026-11-24T00:01:00Z')
  await dialog.find('#term').setValue('Fever')
  await dialog.find('input[type=radio][value="1"]').setValue(true)
  await dialog.find('#onset').setValue('2026-11-24')
  await submit()
  expect(api.reportAdverseEvent).toHaveBeenLastCalledWith(expect.objectContaining({ onset: '2026-11-24' }), expect.anything())
})

test('opened again the next day, it starts from that day', async () => {
  clock('2026-11-23T12:00:00Z')
  const dialog = await opened()
  await dialog.setProps({ modelValue: false })
  clock('2026-11-24T12:00:00Z')
  await dialog.setProps({ modelValue: true })
  await flushPromises()
  expect([onset().value, onset().max]).toEqual(['2026-11-24', '2026-11-24'])
})
