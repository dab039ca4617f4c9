import type { VueWrapper } from '@vue/test-utils'
import { afterEach, expect, test } from 'vitest'
import type { BoardWindow } from '@/api/types'
import { byRole, show } from '@/testing/show'
import { NOTHING } from './counts'
import TotalsStrip from './TotalsStrip.vue'
import WindowTable from './WindowTable.vue'

let shown: VueWrapper | undefined
afterEach(() => shown?.unmount())

const hour = (from: number) => new Date(Date.now() + from * 3_600_000).toISOString()
const window = (siteId: string, more: Partial<BoardWindow> = {}): BoardWindow => ({
  siteId, slotId: 7, visitCode: 'diary-am', visitName: 'Morning diary', visitDate: '2026-11-23', timeZone: 'UTC', opensAt: hour(-1), closesAt: hour(2),
  lateUntil: hour(3), expected: 1200, completed: 400, late: 3, partial: 0, upcoming: 0, open: 800, overdue: 0, missed: 0, ...more,
})

test.each([
  ['en', 'Open', 'Completed', '400 completed (3 late)'],
  ['zh', '开放中', '已完成', '已完成 400（迟填 3）'],
] as const)('a row names its site and window, its phase in words, and every count: %s', async (language, phase, column, bar) => {
  shown = await show(WindowTable, { windows: [window('S-01'), window('S-02')] }, { language, sites: [{ siteId: 'S-01', name: 'Riverside' }] })
  const row = shown.find('[data-window="S-01/7"]')
  expect(row.find('[role=rowheader]').text()).toContain('Riverside')
  expect(row.text()).toContain(phase)
  expect(row.find('[data-cell=expected]').text()).toBe('1,200')
  expect(row.find('[role=img]').attributes('aria-label')).toContain(bar)
  expect(byRole(shown, 'columnheader', column)).toBeDefined()
  expect(shown.find('[role=table]').attributes('aria-rowcount')).toBe('3')
})

test('when numbers move, the row shows them; a site without a name is called by its id', async () => {
  shown = await show(WindowTable, { windows: [window('S-01')] })
  await shown.setProps({ windows: [window('S-01', { completed: 1199 })] })
  expect(shown.find('[data-cell=completed]').text()).toBe('1,199')
  expect(shown.text()).toContain('99.9%')
  expect(shown.find('[role=rowheader]').text()).toContain('S-01')
})

test('the totals are a list of names and numbers; a share is never rounded up to all', async () => {
  shown = await show(TotalsStrip, { counts: { ...NOTHING, expected: 10_000, completed: 9_999, missed: 1 } })
  expect(shown.find('[data-count=completion]').text()).toBe('99.9%')
  expect(shown.findAll('dt').map((term) => term.text())).toEqual(['Expected', 'Completed', 'Late', 'Open', 'Overdue', 'Missed'])
  expect(shown.find('[data-count=missed]').text()).toBe('1')
})
