import { computed } from 'vue'
import { useI18n } from 'vue-i18n'
import { type Language, TAGS } from './index'

const cache = new Map<string, Intl.DateTimeFormat | Intl.NumberFormat>()

function dates(tag: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return remembered(`d${tag}${JSON.stringify(options)}`, () => new Intl.DateTimeFormat(tag, options))
}

function numbers(tag: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  return remembered(`n${tag}${JSON.stringify(options)}`, () => new Intl.NumberFormat(tag, options))
}

/** Making a formatter takes longer than using it a thousand times. */
function remembered<T extends Intl.DateTimeFormat | Intl.NumberFormat>(key: string, make: () => T): T {
  const known = cache.get(key) as T | undefined
  if (known) return known
  const made = make()
  cache.set(key, made)
  return made
}

const CLOCK = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const
const DAY = { year: 'numeric', month: 'short', day: 'numeric' } as const

/** Numbers, dates and durations in the reader's language. Instants may be shown by another place's clock. */
export function useFormats() {
  const { locale, t } = useI18n()
  const tag = computed(() => TAGS[locale.value as Language])
  const at = (iso: string | number | null | undefined, options: Intl.DateTimeFormatOptions): string =>
    iso === null || iso === undefined ? '–' : dates(tag.value, options).format(new Date(iso))

  const number = (value: number, digits = 0): string =>
    numbers(tag.value, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value)
  const plain = (value: number): string => numbers(tag.value, { maximumFractionDigits: 2 }).format(value)
  /** A share, rounded down: 99.97 % is not yet 100 %. */
  const percent = (part: number, whole: number): string =>
    whole > 0 ? `${number(Math.floor((part / whole) * 1000) / 10, 1)}%` : '–'
  const time = (iso: string | number | null | undefined, timeZone?: string) => at(iso, { ...CLOCK, timeZone })
  const seconds = (iso: string | number | null | undefined) => at(iso, { ...CLOCK, second: '2-digit' })
  const dateTime = (iso: string | number | null | undefined, timeZone?: string) => at(iso, { ...DAY, ...CLOCK, timeZone })
  /** With `zone`, the clock is named too: where times by several clocks stand together. */
  const shortDateTime = (iso: string | number | null | undefined, timeZone?: string, zone?: 'short') =>
    at(iso, { month: 'short', day: 'numeric', ...CLOCK, timeZone, timeZoneName: zone })
  /** A calendar date, such as a visit's, which has no time zone. */
  const date = (day: string | null | undefined) => at(day, { ...DAY, timeZone: 'UTC' })
  const shortDate = (day: string) => at(day, { month: 'short', day: 'numeric', timeZone: 'UTC' })
  const weekday = (day: string) => at(day, { weekday: 'short', timeZone: 'UTC' })
  const duration = (secs: number): string => {
    const whole = Math.max(0, Math.round(secs))
    if (whole < 60) return t('time.s', { n: whole })
    const minutes = Math.round(whole / 60)
    if (minutes < 60) return t('time.min', { n: minutes })
    const hours = Math.floor(minutes / 60)
    if (hours >= 48) return t('time.d', Math.round(hours / 24), { named: { n: number(Math.round(hours / 24)) } })
    return minutes % 60 ? t('time.hMin', { h: hours, m: minutes % 60 }) : t('time.h', { n: hours })
  }
  return { number, plain, percent, time, seconds, dateTime, shortDateTime, date, shortDate, weekday, duration }
}

export type Formats = ReturnType<typeof useFormats>
