import { onScopeDispose } from 'vue'
import { type Page, usePages } from '@/states/pages'
import { useLive } from './store'

/** A list by cursor pages into which what is pushed under `type` enters by itself. */
export function useLivePages<Item>(type: string, read: (cursor?: string) => Promise<Page<Item>>, keyOf: (item: Item) => string) {
  const live = useLive()
  const list = usePages(read, keyOf)
  onScopeDispose(
    live.listen({
      events: (events) => events.some((event) => event.type === type) && void list.refresh(),
      reload: () => void list.refresh(),
    }),
  )
  return list
}
