import type { VueWrapper } from '@vue/test-utils'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { nextTick } from 'vue'
import AnswersPanel from '@/patient/AnswersPanel.vue'
import type { Series } from '@/patient/answers'
import ComplianceChart from '@/compliance/ComplianceChart.vue'
import type { ComplianceRow } from '@/compliance/rows'
import { usePreferences } from '@/preferences/store'
import { byRole, show } from '@/testing/show'

interface Drawn {
  xAxis: { data: string[]; axisLabel: { color: string } }
  tooltip: { formatter: (at: { dataIndex: number }[]) => string }
  series: { data: number[] }[]
}
const canvas = vi.hoisted(() => ({ drawn: null as unknown, click: (event: { dataIndex: number }): void => void event }))
vi.mock('./echarts', () => ({
  init: () => ({
    on: (_: string, heard: typeof canvas.click) => (canvas.click = heard),
    setOption: (option: object, afresh: boolean) => (canvas.drawn = afresh ? option : { ...(canvas.drawn as object), ...option }),
    resize: () => undefined,
    dispose: () => undefined,
  }),
}))
let shown: VueWrapper | undefined
beforeEach(() => (canvas.drawn = null))
afterEach(() => shown?.unmount())

const drawn = () => canvas.drawn as Drawn
const tooltip = () => drawn().tooltip.formatter([{ dataIndex: 0 }])
const firstDrawing = () => vi.waitFor(() => expect(canvas.drawn).not.toBeNull())

const series = (id: string, ...values: number[]) =>
  ({ key: id, item: { id, type: 'number', text: { en: id, zh: `${id} 中文` } }, points: values.map((value, day) => ({ reportId: `r${day}`, at: `2026-11-2${day}T08:00:00Z`, value })) }) as unknown as Series
const row = (key: string, completed: number) => ({ key, label: key, detail: 'Morning', due: 10, completed, late: 0 }) as ComplianceRow

test('another question’s answers are drawn as soon as it is chosen', async () => {
  shown = await show(AnswersPanel, { series: [series('pain', 3, 4), series('fatigue', 7)], timeZone: 'UTC' })
  await firstDrawing()
  expect(drawn().series[0]!.data).toEqual([3, 4])
  shown.findComponent({ name: 'ElSelect' }).vm.$emit('update:modelValue', 'fatigue')
  await nextTick()
  expect(byRole(shown, 'img', 'fatigue')).toBeDefined()
  expect(drawn().series[0]!.data).toEqual([7])
  expect(tooltip()).toContain('7')
})

test('an answer that arrives enters the curve', async () => {
  shown = await show(AnswersPanel, { series: [series('pain', 3, 4)], timeZone: 'UTC' })
  await firstDrawing()
  await shown.setProps({ series: [series('pain', 3, 4, 9)] })
  expect(drawn().series[0]!.data).toEqual([3, 4, 9])
})

test('after a drill-down the bars, what they tell and what a click chooses are the site’s days', async () => {
  shown = await show(ComplianceChart, { rows: [row('S-01', 5), row('S-02', 6)], dated: false, label: 'By site' })
  await firstDrawing()
  expect(drawn().xAxis.data).toEqual(['S-01', 'S-02'])
  await shown.setProps({ rows: [row('2026-11-22', 8)], dated: true, label: 'By day' })
  expect(drawn().series[0]!.data).toEqual([80])
  expect(drawn().xAxis.data).toEqual(['22 Nov Morning'])
  expect(tooltip()).toContain('22 Nov Morning\nCompletion 80.0%')
  canvas.click({ dataIndex: 0 })
  expect(shown.emitted('choose')).toEqual([['2026-11-22']])
})

test('a chart takes on the theme’s colours and the language when they change', async () => {
  const style = document.head.appendChild(document.createElement('style'))
  style.textContent = ':root { --ink-soft: #111 } :root.dark { --ink-soft: #eee }'
  shown = await show(ComplianceChart, { rows: [row('2026-11-22', 8)], dated: true, label: 'By day' })
  usePreferences().theme = 'light'
  await firstDrawing()
  expect(drawn().xAxis.axisLabel.color).toBe('#111')
  usePreferences().theme = 'dark'
  await nextTick()
  expect(drawn().xAxis.axisLabel.color).toBe('#eee')
  usePreferences().language = 'zh'
  await nextTick()
  expect(drawn().xAxis.data).toEqual(['11月22日 Morning'])
  style.remove()
})
