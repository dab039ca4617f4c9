import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, expect, test, vi } from 'vitest'
import { effectScope, ref } from 'vue'
import type { AlertFilter } from './model'
import { useAlertList } from './list'

interface Told {
  type: string
  at: string
  data: Record<string, unknown>
}
const api = vi.hoisted(() => ({ readAlerts: vi.fn() }))
const live = vi.hoisted(() => ({ heard: (events: Told[]): void => void events }))
vi.mock('@/api/alerts', () => api)
vi.mock('@/live/store', () => ({ useLive: () => ({ listen: (one: { events: typeof live.heard }) => ((live.heard = one.events), () => undefined) }) }))
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
