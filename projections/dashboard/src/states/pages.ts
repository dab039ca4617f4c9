import { computed, ref, shallowRef } from 'vue'
import { ApiError } from '@/api/problems'
import { useLoad } from './load'

export interface Page<Item> {
  items: readonly Item[]
  next: string | null
}

/**
 * A list that comes in pages by cursor.
 *
 * `load` begins anew, `more` adds the next page, `merge` puts new items on top. `refresh` reads the first page
 * again: it takes the place of what was held down to its last item; later items and the cursor stay.
 */
export function usePages<Item>(read: (cursor?: string) => Promise<Page<Item>>, keyOf: (item: Item) => string) {
  const items = shallowRef<readonly Item[]>([])
  const next = ref<string | null>(null)
  const loadingMore = ref(false)
  const moreFailed = ref(false)
  let anew = true
  let generation = 0
  let readings = 0
  let adding: Promise<void> | undefined
  /** What was merged and has been on no page since, and at which reading: its place among the others is a guess. */
  const merged = new Map<string, number>()

  const first = useLoad(async () => {
    const mine = ++readings
    const page = await read()
    if (!anew) await adding?.catch(() => undefined)
    if (mine !== readings) return
    const keys = new Set(page.items.map(keyOf))
    const unread = items.value.filter((item) => merged.has(keyOf(item)) && !keys.has(keyOf(item)))
    const newer = unread.filter((item) => merged.get(keyOf(item)) === mine) // than the answer
    const later = anew || page.next === null || newer.length < unread.length ? null : laterThan(page.items, keys)
    items.value = [...newer, ...page.items, ...(later ?? [])]
    merged.clear()
    for (const item of newer) merged.set(keyOf(item), mine)
    anew = false
    if (later) return
    next.value = page.next
    generation += 1
  })

  /** What is held beyond the page's last item; null where that is not held, so that there may be a gap. */
  function laterThan(page: readonly Item[], keys: ReadonlySet<string>): readonly Item[] | null {
    const end = page.at(-1)
    const placed = items.value.filter((item) => !merged.has(keyOf(item)))
    const last = placed.findIndex((item) => end !== undefined && keyOf(item) === keyOf(end))
    return last < 0 ? null : placed.slice(last + 1).filter((item) => !keys.has(keyOf(item)))
  }

  function load(): Promise<void> {
    anew = true
    return first.load()
  }

  async function more(): Promise<void> {
    if (anew || next.value === null || loadingMore.value) return
    await (adding = addNext(next.value))
  }

  async function addNext(cursor: string): Promise<void> {
    const mine = generation
    loadingMore.value = true
    moreFailed.value = false
    try {
      const page = await read(cursor)
      if (mine !== generation) return
      const known = new Set(items.value.map(keyOf))
      items.value = [...items.value, ...page.items.filter((item) => !known.has(keyOf(item)))]
      next.value = page.next
    } catch (failure) {
      if (!(failure instanceof ApiError)) throw failure
      moreFailed.value = true
    } finally {
      loadingMore.value = false
    }
  }

  function merge(some: readonly Item[]): void {
    const known = new Set(items.value.map(keyOf))
    const fresh = some.filter((item) => !known.has(keyOf(item)) && known.add(keyOf(item)))
    for (const item of fresh) merged.set(keyOf(item), readings)
    items.value = [...fresh, ...items.value]
  }

  const empty = computed(() => first.state.value === 'ready' && !items.value.length)
  return { ...first, load, refresh: () => first.load(), items, next, loadingMore, moreFailed, empty, more, merge }
}

export type Pages<Item> = ReturnType<typeof usePages<Item>>
