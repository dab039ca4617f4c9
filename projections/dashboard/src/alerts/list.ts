import { onScopeDispose, type Ref } from 'vue'
import { readAlerts } from '@/api/alerts'
import type { Alert } from '@/api/types'
import type { LiveEvent } from '@/live/frames'
import { useLive } from '@/live/store'
import { usePages } from '@/states/pages'
import { useAlertCounts } from './counts'
import { type AlertFilter, fromEvent, matches } from './model'

const SETTLE_MS = 400

/** The list of alerts: a new one enters by itself at once; its text follows with the list's next answer. */
export function useAlertList(filter: Ref<AlertFilter>) {
  const live = useLive()
  const counts = useAlertCounts()
  const meanwhile = new Set<Alert[]>()
  let timer: ReturnType<typeof setTimeout> | undefined

  const list = usePages<Alert>(
    async (cursor) => {
      const pushed: Alert[] = [] // the answer may be older than what is pushed while it is on its way
      meanwhile.add(pushed)
      const page = await readAlerts(filter.value, cursor).finally(() => meanwhile.delete(pushed))
      counts.set(page.counts)
      return { items: cursor ? page.alerts : withNewer(page.alerts, pushed), next: page.nextCursor }
    },
    (alert) => alert.alertId,
  )

  function heard(events: readonly LiveEvent[]): void {
    const told = events.filter((event) => event.type.startsWith('alert.'))
    if (!told.length) return
    const raised = told.filter((event) => event.type === 'alert.raised').map((event) => fromEvent(event.data))
    const mine = raised.filter((alert) => alert !== null).filter((alert) => matches(alert, filter.value)).reverse() // the newest first
    for (const pushed of meanwhile) pushed.unshift(...mine)
    const known = new Set(list.items.value.map((alert) => alert.alertId))
    list.merge(mine.filter((alert) => !known.has(alert.alertId)))
    clearTimeout(timer)
    timer = setTimeout(() => void refresh(), SETTLE_MS)
  }

  /** The first page anew. What it does not hold any more although it would be among it has left the filter. */
  async function refresh(): Promise<void> {
    try {
      await list.load()
    } catch {
      return // the list says itself that it is stale
    }
  }

  function withNewer(answered: readonly Alert[], pushed: readonly Alert[]): Alert[] {
    const known = new Set(answered.map((alert) => alert.alertId))
    return [...pushed.filter((alert) => !known.has(alert.alertId) && matches(alert, filter.value)), ...answered]
  }

  onScopeDispose(live.listen({ events: heard, reload: () => void refresh() }))
  onScopeDispose(() => clearTimeout(timer))
  return { ...list, refresh }
}
