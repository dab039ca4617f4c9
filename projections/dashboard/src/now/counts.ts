import type { BoardWindow } from '@/api/types'

/** The phase a window is in, by the server's clock. */
export const PHASES = ['upcoming', 'open', 'overdue', 'missed'] as const
export type Phase = (typeof PHASES)[number]

export interface Counts {
  expected: number
  completed: number
  late: number
  partial: number
  upcoming: number
  open: number
  overdue: number
  missed: number
}

/** The counts that stand in a row and in the strip of totals, in this order. */
export const ROW_COUNTS = ['expected', 'completed', 'late', 'open', 'overdue', 'missed'] as const

export const NOTHING: Readonly<Counts> = Object.freeze({
  expected: 0,
  completed: 0,
  late: 0,
  partial: 0,
  upcoming: 0,
  open: 0,
  overdue: 0,
  missed: 0,
})

export function phaseOf(window: Pick<BoardWindow, 'opensAt' | 'closesAt' | 'lateUntil'>, now: number): Phase {
  if (now < Date.parse(window.opensAt)) return 'upcoming'
  if (now < Date.parse(window.closesAt)) return 'open'
  return now < Date.parse(window.lateUntil) ? 'overdue' : 'missed'
}

/** A window with what is not completed under the phase it is in now. */
export function atInstant(window: BoardWindow, now: number): BoardWindow {
  const phase = phaseOf(window, now)
  const rest = Math.max(0, window.expected - window.completed)
  return { ...window, upcoming: 0, open: 0, overdue: 0, missed: 0, [phase]: rest }
}

export function sum(windows: readonly Counts[]): Counts {
  const total = { ...NOTHING }
  for (const window of windows)
    for (const key of Object.keys(total) as (keyof Counts)[]) total[key] += window[key]
  return total
}
