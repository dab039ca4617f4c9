import type { BoardWindow } from '@/api/types'
import { phaseOf } from './counts'

/** Something a person should look at, the worst first. */
export interface Concern {
  kind: 'behind' | 'disconnected' | 'silent' | 'closing' | 'quarantined'
  level: 'critical' | 'urgent' | 'routine'
  window?: BoardWindow
  sites?: number
  seconds?: number
  count?: number
}

/** In quiet hours what is known is up to ten seconds old between two heartbeats, and nothing is wrong. */
export const BEHIND_AFTER_S = 15
const VERY_BEHIND_S = 60
const SILENT_SHARE = 1 / 3
const CLOSING_S = 45 * 60
const ENOUGH = 0.8

/** What is stuck: processing that is behind, sites that are silent, windows that close with many missing. */
export function concerns(
  windows: readonly BoardWindow[],
  now: number,
  behindS: number | null,
  connected: boolean,
  quarantined: number,
): Concern[] {
  const found: Concern[] = []
  if (behindS !== null && behindS >= BEHIND_AFTER_S)
    found.push({ kind: 'behind', level: behindS >= VERY_BEHIND_S ? 'critical' : 'urgent', seconds: behindS })
  if (!connected) found.push({ kind: 'disconnected', level: 'urgent' })
  const open = windows.filter((window) => window.expected > 0 && phaseOf(window, now) === 'open')
  const closing = open.filter((window) => isClosing(window, now))
  const silent = open.filter((window) => !closing.includes(window) && isSilent(window, now))
  for (const window of closing.sort((a, b) => missing(b) - missing(a)))
    found.push({ kind: 'closing', level: 'urgent', window, seconds: (Date.parse(window.closesAt) - now) / 1000, count: missing(window) })
  for (const same of byVisit(silent)) {
    const [window] = same
    const count = same.reduce((all, one) => all + one.expected, 0)
    found.push({ kind: 'silent', level: 'urgent', window, sites: same.length, seconds: (now - Date.parse(window.opensAt)) / 1000, count })
  }
  if (quarantined) found.push({ kind: 'quarantined', level: 'routine', count: quarantined })
  return found
}

function isClosing(window: BoardWindow, now: number): boolean {
  return Date.parse(window.closesAt) - now <= CLOSING_S * 1000 && window.completed < ENOUGH * window.expected
}

/** Nobody at a site has reported although a third of the window has passed. */
function isSilent(window: BoardWindow, now: number): boolean {
  const opens = Date.parse(window.opensAt)
  const length = Date.parse(window.closesAt) - opens
  return window.completed + window.partial === 0 && now - opens >= SILENT_SHARE * length
}

/** Sites that are silent in the same visit are one concern; the one with the most patients stands for them. */
function byVisit(windows: readonly BoardWindow[]): [BoardWindow, ...BoardWindow[]][] {
  const found = new Map<string, [BoardWindow, ...BoardWindow[]]>()
  for (const window of [...windows].sort((a, b) => b.expected - a.expected)) {
    const key = `${window.visitCode}/${window.visitDate}`
    const same = found.get(key)
    if (same) same.push(window)
    else found.set(key, [window])
  }
  return [...found.values()]
}

function missing(window: BoardWindow): number {
  return window.expected - window.completed
}
