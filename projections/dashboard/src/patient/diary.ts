import type { StatusCode, Visit } from '@/api/types'

export interface Square {
  code: StatusCode
  late: boolean
  visit: Visit
}

export interface DiaryDay {
  date: string
  am: Square | null
  pm: Square | null
}

const LONGEST_DIARY_MS = 12 * 3_600_000
const NOON = 12

/** Morning and evening of each day: windows of at most half a day, told apart by the patient's own clock. */
export function diaryDays(visits: readonly Visit[]): DiaryDay[] {
  const days = new Map<string, DiaryDay>()
  for (const visit of visits) {
    if (Date.parse(visit.closesAt) - Date.parse(visit.opensAt) > LONGEST_DIARY_MS) continue
    const day = days.get(visit.visitDate) ?? { date: visit.visitDate, am: null, pm: null }
    const square = { code: visit.statusCode, late: visit.timeliness === 'late', visit }
    if (localHour(visit.opensAt, visit.timeZone) < NOON) day.am = square
    else day.pm = square
    days.set(visit.visitDate, day)
  }
  return [...days.values()].sort((a, b) => a.date.localeCompare(b.date))
}

function localHour(instant: string, timeZone: string): number {
  return Number(new Intl.DateTimeFormat('en-GB', { hour: '2-digit', hourCycle: 'h23', timeZone }).format(new Date(instant)))
}
