import { onScopeDispose, type Ref } from 'vue'
import { readAlerts } from '@/api/alerts'
import type { Alert } from '@/api/types'
import type { LiveEvent } from '@/live/frames'
import { useLive } from '@/live/store'
import { usePages } from '@/states/pages'
import { useArrivals } from './arrivals'
import { useAlertCounts } from './counts'
import { type AlertFilter, fromEvent, matches } from './model'

const SETTLE_MS = 400

/** The list of alerts: a new one enters by itself at once; its text follows with the list's next answer. */
export function useAlertList(filter: Ref<AlertFilter>) {
  const live = useLive()
  const counts = useAlertCounts()
  const arrivals = useArrivals()
  let timer: ReturnType<typeof setTimeout> | undefined

  const list = usePages<Alert>(
    async (cursor) => {
      const page = await readAlerts(filter.value, cursor)
      counts.set(page.counts)
      return { items: page.alerts, next: page.nextCursor }
    },
    (alert) => alert.alertId,
  )

  function heard(events: readonly LiveEvent[]): void {
    const told = events.filter((event) => event.type.startsWith('alert.'))
    if (!told.length) return
    const latest = new Map(told.map((event) => [event.data.alertId, fromEvent(event.data)]))
    const belongs = (alert: Alert) => matches(latest.get(alert.alertId) ?? alert, filter.value)
    const raised = told.filter((event) => event.type === 'alert.raised').map((event) => fromEvent(event.data))
    const mine = raised.filter((alert) => alert !== null).filter(belongs).reverse() // the newest first
    list.items.value = list.items.value.filter((alert) => !latest.has(alert.alertId) || belongs(alert))
    list.merge(mine)
    clearTimeout(timer)
    timer = setTimeout(() => void list.refresh(), SETTLE_MS)
  }

  arrivals.listed = (alert) => matches(alert, filter.value)
  onScopeDispose(() => (arrivals.listed = () => false))
  onScopeDispose(live.listen({ events: heard, reload: () => void list.refresh() }))
  onScopeDispose(() => clearTimeout(timer))
  return list
}
