import { createPinia, setActivePinia } from 'pinia'
import { flushPromises } from '@vue/test-utils'
import { beforeEach, expect, test, vi } from 'vitest'
import { effectScope, ref } from 'vue'
import type { Alert } from '@/api/types'
import type { AlertFilter } from './model'
import { useArrivals } from './arrivals'
import { useAlertList } from './list'

interface Told {
  type: string
  at: string
  data: Record<string, unknown>
}
const api = vi.hoisted(() => ({ readAlerts: vi.fn() }))
const live = vi.hoisted(() => ({ heard: (events: Told[]): void => void events, reload: (): void => undefined }))
vi.mock('@/api/alerts', () => api)
vi.mock('@/live/store', () => ({ useLive: () => ({ listen: (one: { events: typeof live.heard; reload: typeof live.reload }) => (Object.assign(live, { heard: one.events, reload: one.reload }), () => undefined) }) }))
beforeEach(() => setActivePinia(createPinia()))

const alert = (alertId: string) => ({ alertId, level: 'urgent', state: 'open' })
const raised = (alertId: string): Told => ({ type: 'alert.raised', at: '', data: alert(alertId) })
const page = (...ids: string[]) => ({ alerts: ids.map(alert), nextCursor: null, counts: {} })

test('alerts that are pushed together enter with the newest first', async () => {
  api.readAlerts.mockResolvedValue(page('a'))
  const list = effectScope().run(() => useAlertList(ref<AlertFilter>({ state: 'open', level: '' })))!
  await list.load()
  live.heard([raised('b'), raised('c')])
  live.heard([raised('c'), raised('d')])
  expect(list.items.value.map((one) => one.alertId)).toEqual(['d', 'c', 'b', 'a'])
})

test('an alert that is pushed while an older answer is on its way stays', async () => {
  let answer: (value: object) => void = () => undefined
  api.readAlerts.mockReturnValueOnce(new Promise((done) => (answer = done)))
  const list = effectScope().run(() => useAlertList(ref<AlertFilter>({ state: 'open', level: '' })))!
  const loading = list.load()
  live.heard([raised('b')])
  live.heard([raised('c')])
  answer(page('a'))
  await loading
  expect(list.items.value.map((one) => one.alertId)).toEqual(['c', 'b', 'a'])
})

async function twoPages() {
  api.readAlerts.mockResolvedValueOnce({ ...page('d', 'c'), nextCursor: 'c2' }).mockResolvedValueOnce({ ...page('b', 'a'), nextCursor: 'c3' })
  const list = effectScope().run(() => useAlertList(ref<AlertFilter>({ state: 'open', level: '' })))!
  await list.load()
  await list.more()
  return { list, ids: () => list.items.value.map((one) => one.alertId) }
}

test('a poll brings the first page up to date and leaves the further pages where they are', async () => {
  const { list, ids } = await twoPages()
  api.readAlerts.mockResolvedValueOnce({ ...page('e', 'd'), nextCursor: 'other' })
  live.reload()
  await flushPromises()
  expect([ids(), list.next.value]).toEqual([['e', 'd', 'c', 'b', 'a'], 'c3'])
})

test('an alert that somebody deals with leaves the list of open ones at once, on whatever page it is', async () => {
  const { ids } = await twoPages()
  live.heard([{ type: 'alert.acknowledged', at: '', data: { ...alert('b'), state: 'acknowledged' } }])
  expect(ids()).toEqual(['d', 'c', 'a'])
})

test('while it is open the list says which alerts have a place in it', () => {
  const filter = ref<AlertFilter>({ state: 'open', level: 'urgent' })
  const scope = effectScope()
  scope.run(() => useAlertList(filter))
  const listed = () => useArrivals().listed(alert('a') as Alert)
  expect(listed()).toBe(true)
  filter.value.state = 'acknowledged'
  expect(listed()).toBe(false)
  filter.value.state = 'open'
  scope.stop()
  expect(listed()).toBe(false)
})
