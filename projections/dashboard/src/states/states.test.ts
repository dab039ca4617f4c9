import { flushPromises, type VueWrapper } from '@vue/test-utils'
import { afterEach, expect, test, vi } from 'vitest'
import { ApiError } from '@/api/problems'
import { byRole, show } from '@/testing/show'
import LoadFrame from './LoadFrame.vue'
import { usePages } from './pages'

let shown: VueWrapper | undefined
afterEach(() => shown?.unmount())

test.each([['en', 'Loading…'], ['zh', '正在加载…']] as const)('while nothing is known it says that it loads: %s', async (language, words) => {
  shown = await show(LoadFrame, { state: 'loading', error: null }, { language })
  expect(byRole(shown, 'status')?.textContent).toContain(words)
})

test.each([
  [0, 'The server cannot be reached'],
  [403, 'Your account may not see this'],
  [503, 'busy or restarting'],
  [500, 'Something went wrong on our side'],
])('an error %i is explained, and can be tried again', async (status, words) => {
  shown = await show(LoadFrame, { state: 'error', error: new ApiError(status, '', '', null, 'e-77') })
  expect(byRole(shown, 'alert')?.textContent).toContain(words)
  expect(shown.text()).toContain('Error number e-77')
  await shown.find('button').trigger('click')
  expect(shown.emitted('retry')).toHaveLength(1)
})

test('what is known but could not be refreshed stays, and says from when it is', async () => {
  shown = await show(LoadFrame, { state: 'ready', error: new ApiError(0, '', ''), stale: true, loadedAt: new Date(2026, 10, 23, 8, 5, 9).getTime() })
  expect(byRole(shown, 'status')?.textContent).toContain('You see what was known at 08:05:09')
})

test('more of a list that could not be loaded is said so, and the list stays', async () => {
  const read = vi.fn().mockResolvedValueOnce({ items: [1, 2], next: 'c' }).mockRejectedValueOnce(new ApiError(503, '', '')).mockResolvedValueOnce({ items: [2, 3], next: null })
  const list = usePages<number>(read, String)
  await list.load()
  await list.more()
  expect([list.items.value, list.moreFailed.value]).toEqual([[1, 2], true])
  await list.more()
  await flushPromises()
  expect([list.items.value, list.moreFailed.value]).toEqual([[1, 2, 3], false])
})
