import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import type { Alert } from '@/api/types'

const MOST_REMEMBERED = 5_000

/** Alerts that came in while the dashboard was open: each is announced once, and new until looked at. */
export const useArrivals = defineStore('arrivals', () => {
  const unseen = shallowRef(new Set<string>())
  const latest = shallowRef<Alert | null>(null)
  /** Whether the list that is open now has a place for this alert. */
  const listed = shallowRef<(alert: Alert) => boolean>(() => false)
  const known = new Set<string>()

  function remember(alerts: readonly Alert[]): void {
    for (const { alertId } of alerts) known.add(alertId)
    const tooMany = Math.max(0, known.size - MOST_REMEMBERED)
    for (const oldest of [...known].slice(0, tooMany)) known.delete(oldest)
  }

  /** False for one that is known: an event may be told twice. */
  function add(alert: Alert): boolean {
    if (known.has(alert.alertId)) return false
    remember([alert])
    unseen.value = new Set(unseen.value).add(alert.alertId)
    latest.value = alert
    return true
  }

  function seen(alertId: string): void {
    if (!unseen.value.has(alertId)) return
    const rest = new Set(unseen.value)
    rest.delete(alertId)
    unseen.value = rest
  }
  return { unseen, latest, listed, remember, add, seen }
})
