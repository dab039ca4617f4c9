import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, expect, test, vi } from 'vitest'
import type { BoardWindow } from '@/api/types'
import { concerns } from './attention'
import { useBoard } from './board'
import { atInstant, sum } from './counts'
import { RateMeter } from './rate'

const OPENS = Date.parse('2026-11-23T08:00:00Z')
const HOUR = 3_600_000
const window: BoardWindow = {
  siteId: 'S-01', slotId: 1, visitCode: 'diary-am', visitName: 'Morning', visitDate: '2026-11-23', timeZone: 'UTC',
  opensAt: '2026-11-23T08:00:00Z', closesAt: '2026-11-23T11:00:00Z', lateUntil: '2026-11-23T12:00:00Z',
  expected: 10, completed: 4, late: 1, partial: 0, upcoming: 0, open: 6, overdue: 0, missed: 0,
}
const api = vi.hoisted(() => ({ readBoard: vi.fn(), readSites: vi.fn(async () => [{ siteId: 'S-01', name: 'One' }]) }))
vi.mock('@/api/board', () => api)
beforeEach(() => setActivePinia(createPinia()))

test('what is not completed is open, overdue or missed as the clock says', () => {
  expect(atInstant(window, OPENS + HOUR)).toMatchObject({ open: 6, overdue: 0, missed: 0 })
  expect(atInstant(window, OPENS + 3 * HOUR)).toMatchObject({ open: 0, overdue: 6, missed: 0 })
  expect(atInstant(window, OPENS + 4 * HOUR)).toMatchObject({ open: 0, overdue: 0, missed: 6 })
  expect(sum([window, window])).toMatchObject({ expected: 20, completed: 8, late: 2 })
})

test('pushed counters are sums: told twice, or out of an older answer’s way, they stay right', async () => {
  const board = useBoard()
  api.readBoard.mockResolvedValueOnce({ windows: [window], asOf: null, lag: null })
  await board.load()
  const event = { type: 'board.counters', siteId: 'S-01', at: '', data: { slotId: 1, completed: 7, late: 2, partial: 0 } }
  board.apply([event])
  board.apply([event])
  expect(board.rows[0]).toMatchObject({ completed: 7, late: 2 })
  let answer: (value: object) => void = () => undefined
  api.readBoard.mockReturnValueOnce(new Promise((done) => (answer = done)))
  const loading = board.load()
  await Promise.resolve()
  board.apply([{ ...event, data: { ...event.data, completed: 9 } }])
  answer({ windows: [window], asOf: null, lag: null })
  await loading
  expect(board.rows[0]).toMatchObject({ completed: 9 })
})

test('a silent site, a window that closes, and processing that is behind need attention', () => {
  const silent = { ...window, completed: 0 }
  const at = (now: number, row: BoardWindow, behind = 0) => concerns([row], now, behind, true, 0).map((one) => one.kind)
  expect(at(OPENS + HOUR / 2, silent)).toEqual([])
  expect(at(OPENS + 1.5 * HOUR, silent)).toEqual(['silent'])
  expect(at(OPENS + 2.5 * HOUR, window)).toEqual(['closing'])
  expect(at(OPENS, window, 12)).toEqual([]) // as old as it gets between two heartbeats
  expect(at(OPENS, window, 20)).toEqual(['behind'])
})

test('the rate is that of the last full seconds', () => {
  const meter = new RateMeter(60, 5)
  for (let second = 0; second < 10; second += 1) meter.add(20, second * 1000)
  expect(meter.rate(10_000)).toBe(20)
  expect(meter.series(10_000)).toHaveLength(60)
})
