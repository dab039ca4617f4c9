import type { VueWrapper } from '@vue/test-utils'
import { afterEach, expect, test } from 'vitest'
import type { Visit } from '@/api/types'
import { show } from '@/testing/show'
import DiaryCalendar from './DiaryCalendar.vue'
import VisitTimeline from './VisitTimeline.vue'

let shown: VueWrapper | undefined
afterEach(() => shown?.unmount())

const visit = (id: string, opens: string, hours: number, more: Partial<Visit> = {}) =>
  ({ visitId: id, visitName: id, visitDate: opens.slice(0, 10), timeZone: 'Asia/Shanghai', opensAt: opens, closesAt: new Date(Date.parse(opens) + hours * 3_600_000).toISOString(), statusCode: 'completed', timeliness: 'on_time', explanation: `why ${id}`, ...more }) as Visit
const visits = [
  visit('baseline', '2026-11-22T00:00:00Z', 48, { statusCode: 'open' }),
  visit('morning', '2026-11-23T00:00:00Z', 3, { timeliness: 'late' }), // 08:00 in Shanghai
  visit('evening', '2026-11-23T12:00:00Z', 3, { statusCode: 'missed' }), // 20:00 there
]

test.each([
  ['en', ['Completed · late', 'Missed']],
  ['zh', ['已完成 · 迟填', '未填']],
] as const)('every visit has its status in words, with the reason: %s', async (language, words) => {
  shown = await show(VisitTimeline, { visits }, { language })
  const items = shown.findAll('li').map((item) => item.text().replace(/\s+/g, ' '))
  expect(items).toHaveLength(3)
  expect(items[1]).toContain(words[0])
  expect(items[2]).toContain(words[1])
  expect(items[2]).toContain('why evening')
})

test.each([
  ['en', ['23 Nov, Morning: Completed, late', '23 Nov, Evening: Missed']],
  ['zh', ['11月23日, 早晨: 已完成, 迟填', '11月23日, 晚间: 未填']],
] as const)('a diary’s squares say day, half and status, by the patient’s clock; longer windows are no diary: %s', async (language, words) => {
  shown = await show(DiaryCalendar, { visits }, { language })
  expect(shown.findAll('[role=img]').map((square) => square.attributes('aria-label'))).toEqual(words)
})

test('a patient without a diary is said to have none', async () => {
  shown = await show(DiaryCalendar, { visits: visits.slice(0, 1) })
  expect(shown.text()).toBe('This patient keeps no diary.')
})
