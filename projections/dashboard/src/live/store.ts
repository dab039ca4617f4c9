import { useOnline } from '@vueuse/core'
import { defineStore } from 'pinia'
import { computed, ref, watch } from 'vue'
import { useSession } from '@/session/store'
import { LiveConnection, type LiveState } from './connection'
import type { LiveEvent } from './frames'

export type Shown = Exclude<LiveState, 'off'> | 'offline'

/** Frames that come faster are told, and drawn, together: a page that is slow to draw must not fall behind. */
const GATHER_MS = 100

/** What a part of the dashboard does with news. */
export interface Listener {
  /** Events, in order. */
  events?(events: readonly LiveEvent[]): void
  /** Everything that arrived before this instant has been told. */
  asOf?(instant: string): void
  /** Read everything again: something may have been missed. */
  reload?(): void
}

/** The one live connection of this tab, and who listens to it. */
export const useLive = defineStore('live', () => {
  const session = useSession()
  const online = useOnline()
  const state = ref<LiveState>('off')
  const quarantinedSince = ref(0)
  const listeners = new Set<Listener>()
  const gathered: LiveEvent[] = []
  let asOf: string | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  const shown = computed<Shown>(() => (!online.value ? 'offline' : state.value === 'off' ? 'connecting' : state.value))

  const connection = new LiveConnection({
    open: () => new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/v1/live`),
    token: () => session.token,
    renew: () => session.renew(),
    ended: () => session.end('expired'),
    onEvents: (events) => {
      gathered.push(...events)
      tellSoon()
    },
    onAsOf: (instant) => {
      asOf = instant
      tellSoon()
    },
    onResync: () => {
      tell() // what was pushed before must not overwrite what is read now
      reload()
    },
    onState: (next) => (state.value = next),
    poll: () => document.visibilityState === 'visible' && reload(),
    random: Math.random,
  })

  function tellSoon(): void {
    timer ??= setTimeout(tell, GATHER_MS)
  }

  function tell(): void {
    const events = gathered.splice(0)
    const instant = asOf
    forget()
    quarantinedSince.value += events.filter((event) => event.type === 'report.quarantined').length
    if (events.length) listeners.forEach((listener) => listener.events?.(events))
    if (instant !== null) listeners.forEach((listener) => listener.asOf?.(instant))
  }

  function forget(): void {
    clearTimeout(timer)
    timer = undefined
    gathered.length = 0
    asOf = null
  }

  function reload(): void {
    listeners.forEach((listener) => listener.reload?.())
  }

  function listen(listener: Listener): () => void {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  watch(online, (now) => {
    if (now) connection.hurry()
  })
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') connection.hurry()
  })

  const start = () => connection.start()
  const stop = () => {
    connection.stop()
    forget()
    quarantinedSince.value = 0
  }
  return { shown, quarantinedSince, listen, start, stop }
})
