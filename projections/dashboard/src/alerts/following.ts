import { onScopeDispose, watch } from 'vue'
import { readAlerts } from '@/api/alerts'
import type { LiveEvent } from '@/live/frames'
import { useLive } from '@/live/store'
import { useSession } from '@/session/store'
import { useArrivals } from './arrivals'
import { useAlertCounts } from './counts'
import { fromEvent } from './model'

const SETTLE_MS = 2_000

/**
 * Keep the number of open alerts right on every page: at once by what is pushed, and by asking when the push
 * has settled, at a moment of its own so that a thousand dashboards do not ask together.
 */
export function followAlertCounts(): void {
  const live = useLive()
  const session = useSession()
  const counts = useAlertCounts()
  const arrivals = useArrivals()
  let timer: ReturnType<typeof setTimeout> | undefined

  async function ask(): Promise<void> {
    if (session.can('patients.read')) counts.set((await readAlerts({}, undefined, 1)).counts)
  }
  function askSoon(): void {
    clearTimeout(timer)
    timer = setTimeout(() => void ask().catch(() => undefined), SETTLE_MS * (1 + Math.random()))
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

  onScopeDispose(live.listen({ events: heard, reload: askSoon }))
  onScopeDispose(() => clearTimeout(timer))
  watch(
    () => session.profile,
    (profile) => profile && void ask().catch(() => undefined),
    { immediate: true },
  )
}
