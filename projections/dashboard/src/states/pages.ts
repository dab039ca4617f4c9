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
 * `load` begins anew, `more` adds the next page, `refresh` reads the first page again and merges it: known
 * items are replaced where they stand, new ones go on top.
 */
export function usePages<Item>(read: (cursor?: string) => Promise<Page<Item>>, keyOf: (item: Item) => string) {
  const items = shallowRef<readonly Item[]>([])
  const next = ref<string | null>(null)
  const loadingMore = ref(false)
  const moreFailed = ref(false)
  let generation = 0

  const first = useLoad(async () => {
    const mine = ++generation
    const page = await read()
    if (mine !== generation) return
    items.value = page.items
    next.value = page.next
  })

  async function more(): Promise<void> {
    if (next.value === null || loadingMore.value) return
    const mine = generation
    loadingMore.value = true
    moreFailed.value = false
    try {
      const page = await read(next.value)
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

  async function refresh(): Promise<void> {
    const mine = generation
    const page = await read()
    if (mine === generation) merge(page.items)
  }

  function merge(some: readonly Item[]): void {
    const fresh = new Map(some.map((item) => [keyOf(item), item]))
    const kept = items.value.map((item) => {
      const newer = fresh.get(keyOf(item))
      fresh.delete(keyOf(item))
      return newer ?? item
    })
    items.value = [...fresh.values(), ...kept]
  }

  const empty = computed(() => first.state.value === 'ready' && !items.value.length)
  return { ...first, items, next, loadingMore, moreFailed, empty, more, refresh, merge }
}

export type Pages<Item> = ReturnType<typeof usePages<Item>>
