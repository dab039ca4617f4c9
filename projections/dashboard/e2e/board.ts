import type { Page } from 'playwright-core'
import { fromDatabase } from './stack'

const COUNTS = ['expected', 'completed', 'late', 'open', 'overdue', 'missed'] as const
export type Counts = Record<(typeof COUNTS)[number], number>

/** The Now page's numbers: the strip of totals, and each row by `site/slot`. */
export interface Board {
  completion: string
  totals: Counts
  windows: Record<string, Counts>
}

/** What stands on the page, read at one instant from its text. */
export async function shownBoard(page: Page): Promise<Board> {
  return await page.evaluate((names) => {
    const number = (within: ParentNode, selector: string) => Number(within.querySelector(selector)?.textContent?.replace(/[\s,]/g, '') || Number.NaN)
    const counts = (within: ParentNode, attribute: string) => Object.fromEntries(names.map((name) => [name, number(within, `[${attribute}=${name}]`)]))
    const rows = [...document.querySelectorAll('[data-window]')]
    return {
      completion: document.querySelector('[data-count=completion]')?.textContent ?? '',
      totals: counts(document, 'data-count') as Counts,
      windows: Object.fromEntries(rows.map((row) => [row.getAttribute('data-window') ?? '', counts(row, 'data-cell') as Counts])),
    }
  }, COUNTS)
}

/** The same from the patients' visits themselves, not from the counters that the board reads. */
export function countedBoard(): Board {
  const rows = JSON.parse(fromDatabase(
    `with counted as (
       select v.site_id || '/' || v.slot_id as key, s.closes_at, s.late_until, count(*)::int as expected,
         count(v.completed_at)::int as completed, count(*) filter (where v.timeliness = 'late')::int as late
       from visits v join slots s using (slot_id)
       where v.cancelled_at is null and s.opens_at <= now() and s.late_until > now() - interval '24 hours'
       group by v.site_id, v.slot_id, s.closes_at, s.late_until)
     select key, expected, completed, late, case when now() < closes_at then expected - completed else 0 end as open,
       case when now() >= closes_at and now() < late_until then expected - completed else 0 end as overdue,
       case when now() >= late_until then expected - completed else 0 end as missed
     from counted`,
  )) as (Counts & { key: string })[]
  const totals = Object.fromEntries(COUNTS.map((name) => [name, rows.reduce((all, row) => all + row[name], 0)])) as Counts
  const completion = `${(Math.floor((totals.completed / totals.expected) * 1000) / 10).toFixed(1)}%`
  return { completion, totals, windows: Object.fromEntries(rows.map(({ key, ...counts }) => [key, counts])) }
}

/** The windows and totals in which the page and the database differ, for people; empty where they agree. */
export async function differences(page: Page): Promise<string[]> {
  const counted = countedBoard()
  const shown = await shownBoard(page)
  const keys = new Set([...Object.keys(counted.windows), ...Object.keys(shown.windows)])
  const pairs: [string, unknown, unknown][] = [...keys].map((key) => [key, inOrder(shown.windows[key]), inOrder(counted.windows[key])])
  pairs.push(['totals', inOrder(shown.totals), inOrder(counted.totals)], ['completion', shown.completion, counted.completion])
  return pairs.map(([key, page, database]) => `${key}: shown ${String(page)}, in the database ${String(database)}`).filter((_, index) => pairs[index]![1] !== pairs[index]![2])
}

function inOrder(counts: Counts | undefined): string {
  return counts ? COUNTS.map((name) => `${name} ${counts[name]}`).join(' ') : 'not there'
}
