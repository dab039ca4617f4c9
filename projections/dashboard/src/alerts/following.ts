import { onScopeDispose, watch } from 'vue'
import { readAlerts } from '@/api/alerts'
import type { Alerts } from '@/api/types'
import type { LiveEvent } from '@/live/frames'
import { useLive } from '@/live/store'
import { useSession } from '@/session/store'
import { useArrivals } from './arrivals'
import { useAlertCounts } from './counts'
import { fromEvent } from './model'

const SETTLE_MS = 2_000

/**
 * Keep the number of open alerts right on every page: at once by what is pushed, and by asking when the push
 * has settled, at a moment of its own so that a thousand dashboards do not ask together. Where something may
 * have been missed the newest alerts are asked for too, and announced; those of the first answer are not new.
 */
export function followAlertCounts(): void {
  const live = useLive()
  const session = useSession()
  const counts = useAlertCounts()
  const arrivals = useArrivals()
  let timer: ReturnType<typeof setTimeout> | undefined
  let missed = true
  let knownFrom: number | null = null // what was raised before may be unknown without being new: the first answer was one page

  async function ask(): Promise<void> {
    if (!session.can('patients.read')) return
    const whole = missed
    missed = false
    try {
      const page = await readAlerts({ state: 'open' }, undefined, whole ? undefined : 1)
      if (whole) announce(page)
      counts.set(page.counts)
    } catch {
      missed ||= whole
    }
  }
  function announce({ alerts, nextCursor }: Alerts): void {
    const from = knownFrom
    if (from !== null) return alerts.filter((one) => Date.parse(one.raisedAt) > from).reverse().forEach(arrivals.add)
    arrivals.remember(alerts)
    knownFrom = nextCursor === null ? -Infinity : Date.parse(alerts.at(-1)?.raisedAt ?? '')
  }
  function askSoon(): void {
    clearTimeout(timer)
    timer = setTimeout(() => void ask(), SETTLE_MS * (1 + Math.random()))
  }
  function reload(): void {
    missed = true
    askSoon()
  }
  function heard(events: readonly LiveEvent[]): void {
    const told = events.filter((event) => event.type.startsWith('alert.'))
    for (const event of told) {
      const alert = fromEvent(event.data)
      if (event.type !== 'alert.raised' || !alert || !arrivals.add(alert)) continue
      counts.set({ ...counts.counts, [alert.level]: counts.counts[alert.level] + 1 })
    }
    if (told.length) askSoon()
  }

  onScopeDispose(live.listen({ events: heard, reload }))
  onScopeDispose(() => clearTimeout(timer))
  watch(
    () => session.profile,
    (profile) => profile && void ask(),
    { immediate: true },
  )
}
