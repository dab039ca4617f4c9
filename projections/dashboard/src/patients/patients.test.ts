import type { VueWrapper } from '@vue/test-utils'
import { afterEach, expect, test } from 'vitest'
import { nextTick, reactive } from 'vue'
import { byDay, bySite } from '@/compliance/rows'
import ComplianceTable from '@/compliance/ComplianceTable.vue'
import { byRole, show } from '@/testing/show'
import PatientFilters from './PatientFilters.vue'

let shown: VueWrapper | undefined
afterEach(() => shown?.unmount())
const sites = [{ siteId: 'S-01', name: 'Riverside' }, { siteId: 'S-02', name: 'Hillside' }]

test('the search box is named, and what is typed is the filter; one site alone needs no choice of sites', async () => {
  const filter = reactive({ query: '', siteId: '', status: '' })
  shown = await show(PatientFilters, { modelValue: filter }, { sites: sites.slice(0, 1) })
  await shown.find('[aria-label="Search by patient id"]').setValue('P-0004')
  expect(filter.query).toBe('P-0004')
  expect(shown.find('[aria-label=Site]').exists()).toBe(false)
  shown.unmount()
  shown = await show(PatientFilters, { modelValue: filter }, { sites })
  await nextTick()
  expect(shown.find('[aria-label=Site]').exists()).toBe(true)
})

const day = (siteId: string, visitDate: string, completed: number) =>
  ({ studyId: 'EB', purpose: 'training', siteId, siteName: `Site ${siteId}`, visitDate, visitCode: 'am', visitName: 'Morning', expected: 12, upcoming: 2, completed, late: 0, open: 0, overdue: 0, missed: 10 - completed })
const days = [day('S-01', '2026-11-22', 10), day('S-01', '2026-11-23', 5), day('S-02', '2026-11-23', 0)]

test.each([['en', 'Due'], ['zh', '应填']] as const)('a site’s row counts what was due, and leads to its days: %s', async (language, due) => {
  shown = await show(ComplianceTable, { rows: bySite(days), dated: false, label: 'x' }, { language })
  expect(byRole(shown, 'columnheader', due)).toBeDefined()
  const [first] = shown.findAll('[data-row]')
  expect(first!.text()).toContain('75.0%')
  expect(first!.findAll('.count').map((cell) => cell.text().replace(/^\D+/, ''))).toEqual(['20', '15', '0', '0', '0', '5'])
  await first!.find('button').trigger('click')
  expect(shown.emitted('choose')).toEqual([['S-01']])
})

test('a site’s days stand with the newest first', async () => {
  shown = await show(ComplianceTable, { rows: byDay(days, 'S-01'), dated: true, label: 'x' })
  expect(shown.findAll('[role=rowheader]').map((cell) => cell.text())).toEqual(['23 Nov 2026 Morning', '22 Nov 2026 Morning'])
})
