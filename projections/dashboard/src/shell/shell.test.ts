import type { VueWrapper } from '@vue/test-utils'
import { afterEach, expect, test, vi } from 'vitest'
import { nextTick, reactive } from 'vue'
import { usePreferences } from '@/preferences/store'
import { useBoard } from '@/now/board'
import { byRole, show } from '@/testing/show'
import ConnectionPill from './ConnectionPill.vue'

const live = vi.hoisted(() => ({ store: { shown: 'live' } }))
vi.mock('@/live/store', () => ({ useLive: () => live.store }))
let shown: VueWrapper | undefined
afterEach(() => shown?.unmount())

test.each([
  ['en', { live: 'Live', waiting: 'Reconnecting…', polling: 'Checking every 5 s', offline: 'Offline' }],
  ['zh', { live: '实时', waiting: '正在重新连接…', polling: '每 5 秒查询一次', offline: '离线' }],
] as const)('the connection’s state is said in words, and announced when it changes: %s', async (language, words) => {
  live.store = reactive({ shown: 'live' })
  shown = await show(ConnectionPill, {}, { language })
  for (const [state, text] of Object.entries(words)) {
    live.store.shown = state
    await nextTick()
    expect(byRole(shown, 'status')?.textContent).toBe(text)
  }
})

test('what is shown says from when it is, and grows old visibly', async () => {
  live.store = { shown: 'live' }
  shown = await show(ConnectionPill, {})
  const board = useBoard()
  board.fresh(new Date(Date.now() - 2_000).toISOString(), 2)
  await nextTick()
  expect(shown.text()).toMatch(/As of \d\d:\d\d:\d\d· lag 2\.0 s/)
  board.fresh(new Date(Date.now() - 300_000).toISOString(), 300)
  await nextTick()
  expect(shown.text()).toContain('lag 5 min')
  expect(shown.classes()).toContain('slow')
})

test('the chosen language and theme are the document’s, and are kept', async () => {
  live.store = { shown: 'live' }
  shown = await show(ConnectionPill, {})
  const preferences = usePreferences()
  preferences.language = 'zh'
  preferences.theme = 'dark'
  await nextTick()
  expect(document.documentElement.lang).toBe('zh-CN')
  expect(document.documentElement.classList.contains('dark')).toBe(true)
  expect([localStorage.getItem('eightbells.language'), localStorage.getItem('eightbells.theme')]).toEqual(['zh', 'dark'])
  preferences.theme = 'light'
  await nextTick()
  expect(document.documentElement.classList.contains('dark')).toBe(false)
})
