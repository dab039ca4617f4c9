import { flushPromises, type VueWrapper } from '@vue/test-utils'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { defineComponent, nextTick } from 'vue'
import { useRouter } from 'vue-router'
import type { Listener } from '@/live/store'
import AlertToasts from '@/shell/AlertToasts.vue'
import { show } from '@/testing/show'
import { useArrivals } from './arrivals'
import { followAlertCounts } from './following'

const api = vi.hoisted(() => ({ readAlerts: vi.fn() }))
const live = vi.hoisted(() => ({ listener: {} as Listener }))
vi.mock('@/api/alerts', () => api)
vi.mock('@/live/store', () => ({ useLive: () => ({ listen: (one: Listener) => ((live.listener = one), () => undefined) }) }))

let shown: VueWrapper | undefined
beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  shown?.unmount()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

/** The alert of this second, for a patient of the same number. */
const alert = (second: number, level = 'routine') => ({ alertId: `a${second}`, level, state: 'open', patientId: `P-${second}`, siteId: 'S-01', raisedAt: new Date(second * 1000).toISOString() })
const answer = (alerts: object[], nextCursor: string | null = null) => api.readAlerts.mockResolvedValueOnce({ alerts, nextCursor, counts: { routine: alerts.length } })
const raised = (...alerts: object[]) => live.listener.events?.(alerts.map((data) => ({ type: 'alert.raised', at: '', data: data as Record<string, unknown> })))
const toasts = () => shown!.findAll('.toast').map((toast) => toast.text())

const Shell = defineComponent({
  components: { AlertToasts },
  setup() {
    followAlertCounts()
    return { router: useRouter() }
  },
  template: '<div><AlertToasts /></div>',
})
async function start(language: 'en' | 'zh' = 'en') {
  shown = await show(Shell, {}, { permissions: ['patients.read'], language })
  await flushPromises()
}
async function reloaded() {
  live.listener.reload?.()
  await vi.advanceTimersByTimeAsync(4_000)
}

test.each([
  ['en', 'one more new alert', '2 more new alerts'],
  ['zh', '另有 1 条新警报', '另有 2 条新警报'],
] as const)('of alerts that are pushed together each is announced or counted, the worst ahead: %s', async (language, one, two) => {
  answer([])
  await start(language)
  raised(alert(1, 'critical'), alert(2), alert(3))
  await nextTick()
  expect(toasts()[0]).toContain('P-1')
  expect(shown!.find('.rest').text()).toBe(one)
  raised(alert(4))
  await nextTick()
  expect(shown!.find('.rest').text()).toBe(two)
})

test('what is open at the login is not announced; what a poll or a resync finds new is, once, and is marked new', async () => {
  answer([alert(2), alert(1)])
  await start()
  expect(toasts()).toEqual([])
  answer([alert(4), alert(3, 'critical'), alert(2), alert(1)])
  await reloaded()
  expect(toasts()).toEqual([expect.stringContaining('P-3'), expect.stringContaining('P-4')])
  expect([...useArrivals().unseen]).toEqual(['a3', 'a4'])
  raised(alert(4))
  answer([alert(4), alert(3, 'critical'), alert(2), alert(1)])
  await reloaded()
  expect(toasts()).toHaveLength(2)
})

test('an alert that moves up to the first page because others were dealt with is not new', async () => {
  answer([alert(9), alert(8)], 'further')
  await start()
  answer([alert(10), alert(8), alert(7)], 'further')
  await reloaded()
  expect(toasts()).toEqual([expect.stringContaining('P-10')])
})

test('alerts that could not be read are announced when asking succeeds again', async () => {
  answer([])
  await start()
  api.readAlerts.mockRejectedValueOnce(new Error('busy'))
  await reloaded()
  raised(alert(2))
  answer([alert(2), alert(1)])
  await vi.advanceTimersByTimeAsync(4_000)
  expect(toasts()).toHaveLength(2)
})

test.each([
  ['another page', '/profile', false, 1],
  ['the list with a place for it', '/alerts', false, 0],
  ['the list beside another alert', '/alerts/a7', false, 0],
  ['one alert that hides the list', '/alerts/a7', true, 1],
] as const)('who looks at %s is told where the list does not tell it', async (_, path, narrow, count) => {
  vi.stubGlobal('matchMedia', () => ({ matches: narrow, addEventListener: vi.fn(), removeEventListener: vi.fn() }))
  answer([])
  await start()
  await (shown!.vm as unknown as { router: ReturnType<typeof useRouter> }).router.push(path)
  if (path !== '/profile') useArrivals().listed = () => true
  raised(alert(1, 'critical'))
  await nextTick()
  expect(toasts()).toHaveLength(count)
})

test('a list that shows others than this alert does not keep it from being announced', async () => {
  answer([])
  await start()
  await (shown!.vm as unknown as { router: ReturnType<typeof useRouter> }).router.push('/alerts')
  useArrivals().listed = (one) => one.level === 'urgent'
  raised(alert(1, 'critical'), alert(2, 'urgent'))
  await nextTick()
  expect(toasts()).toEqual([expect.stringContaining('P-1')])
})
