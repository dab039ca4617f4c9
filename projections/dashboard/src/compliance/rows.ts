import type { ComplianceDay } from '@/api/types'

export interface ComplianceRow {
  key: string
  label: string
  detail: string
  due: number
  completed: number
  late: number
  open: number
  overdue: number
  missed: number
}

/** Rows summed by site. Due is what has opened: what is still to come is nobody's failure. */
export function bySite(days: readonly ComplianceDay[]): ComplianceRow[] {
  return summed(days, (day) => [day.siteId, day.siteName, day.siteId])
}

/** One site's rows by day and window, newest first. */
export function byDay(days: readonly ComplianceDay[], siteId: string): ComplianceRow[] {
  const theirs = days.filter((day) => day.siteId === siteId)
  return summed(theirs, (day) => [`${day.visitDate}/${day.visitCode}`, day.visitDate, day.visitName]).sort((a, b) => b.key.localeCompare(a.key))
}

function summed(days: readonly ComplianceDay[], name: (day: ComplianceDay) => [string, string, string]): ComplianceRow[] {
  const found = new Map<string, ComplianceRow>()
  for (const day of days) {
    const [key, label, detail] = name(day)
    const row = found.get(key) ?? { key, label, detail, due: 0, completed: 0, late: 0, open: 0, overdue: 0, missed: 0 }
    row.due += day.expected - day.upcoming
    for (const count of ['completed', 'late', 'open', 'overdue', 'missed'] as const) row[count] += day[count]
    found.set(key, row)
  }
  return [...found.values()].filter((row) => row.due > 0)
}
