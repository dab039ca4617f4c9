import { flushPromises, type VueWrapper } from '@vue/test-utils'
import { afterEach, expect, test, vi } from 'vitest'
import { ApiError } from '@/api/problems'
import { byRole, show } from '@/testing/show'
import { useLoad } from './load'
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

test('another question forgets the answer of the one before: it loads, and where it fails that is an error', async () => {
  const read = vi.fn<() => Promise<string>>().mockResolvedValueOnce('old').mockRejectedValueOnce(new ApiError(503, '', '')).mockResolvedValueOnce('new')
  const { load, forget, answer, state, stale, error } = useLoad(read)
  await load()
  expect([state.value, answer.value]).toEqual(['ready', 'old'])
  forget()
  const asked = load()
  expect([state.value, answer.value]).toEqual(['loading', null])
  await asked
  expect([state.value, stale.value, error.value?.status]).toEqual(['error', false, 503])
  await load()
  expect([state.value, answer.value, error.value]).toEqual(['ready', 'new', null])
})

test('reading the same again leaves what is shown until the new is there, also where it fails', async () => {
  const read = vi.fn<() => Promise<string>>().mockResolvedValueOnce('old').mockRejectedValueOnce(new ApiError(503, '', ''))
  const { load, answer, state, stale } = useLoad(read)
  await load()
  const loading = load()
  expect([state.value, answer.value]).toEqual(['ready', 'old'])
  await loading
  expect([state.value, stale.value, answer.value]).toEqual(['ready', true, 'old'])
})

test.each(['answers', 'fails'])('an older call that %s late changes nothing', async (how) => {
  let finish: () => void = () => undefined
  const older = new Promise<string>((done, fail) => (finish = () => (how === 'fails' ? fail(new ApiError(503, '', '')) : done('older'))))
  const { load, answer, stale } = useLoad(vi.fn<() => Promise<string>>().mockReturnValueOnce(older).mockResolvedValueOnce('newer'))
  const first = load()
  await load()
  finish()
  await first
  expect([answer.value, stale.value]).toEqual(['newer', false])
})

test('an answer to a question that was forgotten meanwhile is dropped', async () => {
  const { load, forget, answer, state } = useLoad(() => Promise.resolve('old'))
  const loading = load()
  forget()
  await loading
  expect([state.value, answer.value]).toEqual(['loading', null])
})
