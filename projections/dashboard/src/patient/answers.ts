import type { Instrument, Item, ReportRow } from '@/api/types'

export interface Point {
  reportId: string
  at: string
  value: number
  amended: boolean
}

export interface Series {
  key: string
  instrument: Instrument
  item: Item
  points: Point[]
}

type Numeric = 'number' | 'integer' | 'choice'
const NUMERIC: readonly string[] = ['number', 'integer', 'choice'] satisfies Numeric[]

/** Answers over time, one series per question that has numbers; the latest amendment of a report counts. */
export function answerSeries(reports: readonly ReportRow[], instruments: ReadonlyMap<string, Instrument>): Series[] {
  const found = new Map<string, Series>()
  const counted = reports.filter((report) => report.disposition === 'accepted' && report.supersededBy === null)
  for (const report of counted.toSorted((a, b) => (a.recordedAt ?? a.receivedAt).localeCompare(b.recordedAt ?? b.receivedAt))) {
    const instrument = instruments.get(instrumentKey(report))
    if (!instrument || !report.answers) continue
    for (const item of instrument.items) {
      const value = report.answers[item.id]
      if (!NUMERIC.includes(item.type) || typeof value !== 'number') continue
      const key = `${instrument.id}/${item.id}`
      const series = found.get(key) ?? { key, instrument, item, points: [] }
      series.points.push({ reportId: report.reportId ?? '', at: report.recordedAt ?? report.receivedAt, value, amended: report.amends !== null })
      found.set(key, series)
    }
  }
  return [...found.values()]
}

export function instrumentKey(report: Pick<ReportRow, 'instrument' | 'instrumentVersion'>): string {
  return `${report.instrument}/${report.instrumentVersion}`
}

/** A text of the study in the reader's language, else in Chinese, else in any. */
export function studyText(texts: Record<string, string> | null | undefined, language: string): string {
  return texts?.[language] ?? texts?.zh ?? Object.values(texts ?? {})[0] ?? ''
}

export function range(item: Item): { min?: number; max?: number; unit: string } {
  if (item.type === 'integer' || item.type === 'number') return { min: item.min, max: item.max, unit: item.unit ?? '' }
  if (item.type !== 'choice') return { unit: '' }
  const values = item.choices.map((choice) => choice.value).filter((value): value is number => typeof value === 'number')
  return values.length ? { min: Math.min(...values), max: Math.max(...values), unit: '' } : { unit: '' }
}
