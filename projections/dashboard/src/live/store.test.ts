import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Surroundings } from './connection'
import { useLive } from './store'

const wire = vi.hoisted(() => ({ around: null as unknown }))
vi.mock('./connection', () => ({
  LiveConnection: class {
    constructor(around: unknown) {
      wire.around = around
    }
    start() {}
    stop() {}
    hurry() {}
  },
}))

const event = (type: string) => ({ type, at: '', data: {} })

beforeEach(() => {
  vi.useFakeTimers()
  setActivePinia(createPinia())
})
afterEach(() => void vi.useRealTimers())

function listening() {
  const live = useLive()
  const told: unknown[] = []
  live.listen({
    events: (events) => told.push(events.map((one) => one.type)),
    asOf: (instant) => told.push(instant),
    reload: () => told.push('reload'),
  })
  return { live, told, around: wire.around as Surroundings }
}

test('frames of a tenth of a second are told together, in order, with the latest instant after them', () => {
  const { told, around } = listening()
  around.onEvents([event('a'), event('b')])
  around.onAsOf('08:00:00')
  vi.advanceTimersByTime(99)
  around.onEvents([event('c')])
  around.onAsOf('08:00:01')
  expect(told).toEqual([])
  vi.advanceTimersByTime(1)
  expect(told).toEqual([['a', 'b', 'c'], '08:00:01'])
  around.onEvents([event('d')])
  vi.advanceTimersByTime(100)
  expect(told.slice(2)).toEqual([['d']])
})

test('what was gathered is told before everything is read again, never after', () => {
  const { told, around } = listening()
  around.onEvents([event('a')])
  around.onResync()
  expect(told).toEqual([['a'], 'reload'])
  vi.advanceTimersByTime(1000)
  expect(told).toHaveLength(2)
})

test('after the end of the login nothing gathered is told to whoever logs in next', () => {
  const { live, told, around } = listening()
  around.onEvents([event('report.quarantined')])
  live.stop()
  vi.advanceTimersByTime(1000)
  expect(told).toEqual([])
  expect(live.quarantinedSince).toBe(0)
})

test('quarantined reports are counted', () => {
  const { live, around } = listening()
  around.onEvents([event('report.quarantined'), event('report.accepted'), event('report.quarantined')])
  vi.advanceTimersByTime(100)
  expect(live.quarantinedSince).toBe(2)
})
