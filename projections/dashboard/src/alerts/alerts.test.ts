import { flushPromises, type VueWrapper } from '@vue/test-utils'
import { afterEach, expect, test, vi } from 'vitest'
import { nextTick } from 'vue'
import { ApiError } from '@/api/problems'
import type { Alert } from '@/api/types'
import { byRole, show } from '@/testing/show'
import AlertActions from './AlertActions.vue'
import AlertDetail from './AlertDetail.vue'
import AlertList from './AlertList.vue'
import { useArrivals } from './arrivals'

const api = vi.hoisted(() => ({ acknowledgeAlert: vi.fn(), assessAlert: vi.fn(), closeAlert: vi.fn(), reportAdverseEvent: vi.fn() }))
vi.mock('@/api/alerts', () => api)
vi.setConfig({ testTimeout: 60_000 }) // fifty rows in a document without a browser take their time
let shown: VueWrapper | undefined
afterEach(() => shown?.unmount())

const alert = (more: Partial<Alert> = {}) =>
  ({ alertId: 'a1', state: 'open', level: 'urgent', text: 'Temperature ≥ 38.3 °C', patientId: 'P-1', siteId: 'S-01', marks: [], receivedAt: '2026-11-23T08:00:00Z', adverseEventId: null, outcome: null, ...more }) as Alert
const CLINICIAN = { permissions: ['alerts.acknowledge', 'alerts.assess', 'adverse_events.report'] }
const button = (text: string) => byRole(shown!, 'button', text) as HTMLButtonElement
const submit = async () => (await shown!.find('form').trigger('submit'), await flushPromises())

test('an open alert is acknowledged with the note that was typed', async () => {
  shown = await show(AlertActions, { timeZone: 'UTC', alert: alert() }, CLINICIAN)
  await shown.find('#note').setValue('  Calling the ward.  ')
  expect(button('Acknowledge').disabled).toBe(false)
  await submit()
  expect(api.acknowledgeAlert).toHaveBeenCalledWith('a1', 'Calling the ward.')
  expect(shown.emitted('changed')).toHaveLength(1)
})

test.each([
  ['en', 'dr.li acknowledged this alert first, on 23 Nov 2026'],
  ['zh', 'dr.li 已于 2026年11月23日'],
] as const)('who is second learns who was first: %s', async (language, words) => {
  api.acknowledgeAlert.mockRejectedValueOnce(new ApiError(409, 'Conflict', '', null, null, { acknowledgedBy: 'dr.li', acknowledgedAt: '2026-11-23T08:01:00Z' }))
  shown = await show(AlertActions, { timeZone: 'UTC', alert: alert() }, { ...CLINICIAN, language })
  await submit()
  expect(byRole(shown, 'alert')?.textContent).toContain(words)
})

test('an assessment has to be chosen before it can be sent', async () => {
  shown = await show(AlertActions, { timeZone: 'UTC', alert: alert({ state: 'acknowledged' }) }, CLINICIAN)
  expect(button('Assess').disabled).toBe(true)
  await shown.find('input[value=sae]').setValue(true)
  expect(button('Assess').disabled).toBe(false)
  await submit()
  expect(api.assessAlert).toHaveBeenCalledWith('a1', 'sae', '')
})

test('who may not act reads whom the alert waits for, and has no button', async () => {
  shown = await show(AlertActions, { timeZone: 'UTC', alert: alert({ state: 'acknowledged' }) })
  expect(shown.text()).toContain('Waits for a site doctor’s assessment.')
  expect(shown.findAll('button')).toHaveLength(0)
})

test('a typed note stays when the same alert is read again, and goes when it has moved on', async () => {
  shown = await show(AlertActions, { timeZone: 'UTC', alert: alert() }, CLINICIAN)
  await shown.find('#note').setValue('Half a sen')
  await shown.setProps({ alert: alert() })
  expect((shown.find('#note').element as HTMLTextAreaElement).value).toBe('Half a sen')
  await shown.setProps({ alert: alert({ state: 'acknowledged' }) })
  expect((shown.find('#note').element as HTMLTextAreaElement).value).toBe('')
})

const list = (alerts: Alert[]) => ({ alerts, chosen: '', more: false, loadingMore: false, filter: { state: 'open', level: '' } })

test('an alert that arrives says in words that it is new and how bad it is, until it has been looked at', async () => {
  shown = await show(AlertList, list([alert(), alert({ alertId: 'a2', level: 'critical' })]))
  const item = () => shown!.find('[data-alert=a2]').text()
  expect(item()).not.toContain('New')
  useArrivals().add(alert({ alertId: 'a2' }))
  await nextTick()
  expect(item()).toMatch(/Critical.*New/)
  expect(shown.find('[data-alert=a1]').text()).not.toContain('New')
  useArrivals().seen('a2')
  await nextTick()
  expect(item()).not.toContain('New')
})

test('of a thousand alerts only some are in the document; each says which of how many it is', async () => {
  shown = await show(AlertList, list(Array.from({ length: 1000 }, (_, index) => alert({ alertId: `a${index}` }))))
  const items = shown.findAll('li[aria-setsize]')
  expect(items.length).toBeGreaterThan(10)
  expect(items.length).toBeLessThan(150)
  expect(items[4]!.attributes()).toMatchObject({ 'aria-posinset': '5', 'aria-setsize': '1000' })
})

test.each([['en', 'No open alerts'], ['zh', '没有待确认的警报']] as const)('no open alert is good news: %s', async (language, words) => {
  shown = await show(AlertList, list([]), { language })
  expect(shown.text()).toContain(words)
})

const FAR = { sites: [{ siteId: 'S-01', name: 'Far East', timeZone: 'Pacific/Kiritimati' }] } // fourteen hours ahead of UTC
const handled = () => ({ ...alert({ recordedAt: '2026-11-23T07:59:00Z' }), delaySeconds: 60, history: [{ at: '2026-11-23T08:05:00Z', what: 'alert.acknowledged', who: { userId: 'u1', username: 'dr.li' }, why: null, old: null, new: null }] })

test('an alert’s arrival and what was done about it are told by one clock, the site’s', async () => {
  shown = await show(AlertDetail, { alert: handled() }, FAR)
  expect(shown.find('dl').text()).toMatch(/Received.*23 Nov 2026, 22:00.*Pacific\/Kiritimati/)
  expect(shown.find('li').text()).toContain('23 Nov 2026, 22:05')
})

test('who was first is told by the site’s clock too', async () => {
  api.acknowledgeAlert.mockRejectedValueOnce(new ApiError(409, 'Conflict', '', null, null, { acknowledgedBy: 'dr.li', acknowledgedAt: '2026-11-23T08:01:00Z' }))
  shown = await show(AlertDetail, { alert: handled() }, { ...CLINICIAN, ...FAR })
  await submit()
  expect(byRole(shown, 'alert')?.textContent).toContain('23 Nov 2026, 22:01')
})

test('an adverse event reported from an alert is dated by the site’s clock', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2026-11-23T10:30:00Z') })
  shown = await show(AlertDetail, { alert: handled() }, { ...CLINICIAN, ...FAR })
  button('Report').click()
  await flushPromises()
  expect(document.querySelector<HTMLInputElement>('#onset')?.value).toBe('2026-11-24')
  vi.useRealTimers()
})

test.each([['en', '23 Nov, 22:00 GMT+14'], ['zh', '11月23日 GMT+14 22:00']] as const)('in the list an alert has its site’s time, and says which: %s', async (language, words) => {
  shown = await show(AlertList, list([alert()]), { ...FAR, language })
  expect(shown.find('[data-alert=a1] .time').text()).toBe(words)
})
