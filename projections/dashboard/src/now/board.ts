import { defineStore } from 'pinia'
import { computed, ref, shallowRef, triggerRef } from 'vue'
import { readBoard, readSites } from '@/api/board'
import type { BoardWindow, Site } from '@/api/types'
import type { LiveEvent } from '@/live/frames'
import { atInstant, PHASES } from './counts'
import { RateMeter } from './rate'

/** The windows of the caller's sites around now, and how fast their counters move. */
export const useBoard = defineStore('board', () => {
  const windows = shallowRef(new Map<string, BoardWindow>())
  const sites = shallowRef<Site[]>([])
  const asOf = ref<string | null>(null)
  const lag = ref<number | null>(null)
  const loadedAt = ref(0)
  const ahead = ref(0) // ms by which the server's clock is ahead of this browser's
  const clock = ref(Date.now())
  const meter = new RateMeter()
  const meanwhile = new Set<LiveEvent[]>()
  const serverNow = computed(() => clock.value + ahead.value)
  const drawn = new WeakMap<BoardWindow, BoardWindow>()
  const rows = computed(() => [...windows.value.values()].map(rowOf))
  const siteNames = computed(() => new Map(sites.value.map((site) => [site.siteId, site.name])))

  async function load(): Promise<void> {
    if (!sites.value.length) sites.value = await readSites()
    const pushed: LiveEvent[] = []
    meanwhile.add(pushed)
    const board = await readBoard().finally(() => meanwhile.delete(pushed))
    const known = windows.value
    const next = new Map(board.windows.map((window) => [keyOf(window.siteId, window.slotId), window]))
    if (known.size) count(next, known)
    windows.value = next
    fresh(board.asOf, board.lag)
    loadedAt.value = Date.now()
    apply(pushed) // the answer may be older than what was pushed while it was on its way
  }

  /** Sites and names only: what other pages need to name a site. */
  async function loadSites(): Promise<void> {
    if (!sites.value.length) sites.value = await readSites()
  }

  function fresh(at: string | null, behind: number | null): void {
    asOf.value = at
    lag.value = behind
    if (at !== null && behind !== null) ahead.value = Date.parse(at) + behind * 1000 - Date.now()
    clock.value = Date.now()
  }

  /** Board counters are sums, not steps: applying one twice, or only the last of many, is right. */
  function apply(events: readonly LiveEvent[]): void {
    let changed = false
    for (const pushed of meanwhile) pushed.push(...events)
    for (const event of events) {
      if (event.type !== 'board.counters') continue
      const key = keyOf(event.siteId ?? '', Number(event.data.slotId))
      const window = windows.value.get(key)
      if (!window) continue
      const next = {
        ...window,
        completed: whole(event.data.completed, window.completed),
        late: whole(event.data.late, window.late),
        partial: whole(event.data.partial, window.partial),
      }
      meter.add(next.completed - window.completed, Date.now())
      windows.value.set(key, next)
      changed = true
    }
    if (changed) triggerRef(windows)
  }

  function toldUntil(instant: string): void {
    if (asOf.value === null || Date.parse(instant) > Date.parse(asOf.value)) asOf.value = instant
  }

  function count(next: Map<string, BoardWindow>, known: Map<string, BoardWindow>): void {
    let more = 0
    for (const [key, window] of next) more += window.completed - (known.get(key)?.completed ?? window.completed)
    meter.add(more, Date.now())
  }

  /** The same row as long as nothing in it changes, so that only what has moved is drawn again. */
  function rowOf(window: BoardWindow): BoardWindow {
    const known = drawn.get(window)
    const row = atInstant(window, serverNow.value)
    if (known && PHASES.every((phase) => known[phase] === row[phase])) return known
    drawn.set(window, row)
    return row
  }

  function tick(): void {
    clock.value = Date.now()
  }

  function clear(): void {
    windows.value = new Map()
    sites.value = []
    asOf.value = null
    lag.value = null
    loadedAt.value = 0
    meter.clear()
  }

  return {
    windows, sites, siteNames, rows, asOf, lag, loadedAt, clock, serverNow, meter,
    load, loadSites, fresh, toldUntil, apply, tick, clear,
  }
})

function keyOf(siteId: string, slotId: number): string {
  return `${siteId}/${slotId}`
}

function whole(value: unknown, otherwise: number): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : otherwise
}
