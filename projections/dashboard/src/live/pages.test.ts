import { flushPromises } from '@vue/test-utils'
import { expect, test, vi } from 'vitest'
import { useLivePages } from './pages'
import type { Listener } from './store'

const live = vi.hoisted(() => ({ listener: {} as Listener }))
vi.mock('./store', () => ({ useLive: () => ({ listen: (one: Listener) => ((live.listener = one), () => undefined) }) }))

test.each([
  ['an event', () => live.listener.events?.([{ type: 'report.quarantined', at: '', data: {} }])],
  ['a poll', () => live.listener.reload?.()],
] as const)('%s brings the first page up to date and leaves the further ones', async (_, tell) => {
  const read = vi.fn().mockResolvedValueOnce({ items: [4, 3], next: '2' }).mockResolvedValueOnce({ items: [2, 1], next: null }).mockResolvedValueOnce({ items: [5, 3], next: '2' })
  const list = useLivePages<number>('report.quarantined', read, String)
  await list.load()
  await list.more()
  tell()
  await flushPromises()
  expect([list.items.value, list.next.value]).toEqual([[5, 3, 2, 1], null])
})
