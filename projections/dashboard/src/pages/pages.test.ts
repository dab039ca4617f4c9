import { flushPromises, type VueWrapper } from '@vue/test-utils'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Component } from 'vue'
import AlertList from '@/alerts/AlertList.vue'
import { ApiError } from '@/api/problems'
import PatientFilters from '@/patients/PatientFilters.vue'
import { usePreferences } from '@/preferences/store'
import { byRole, show } from '@/testing/show'
import AlertsPage from './AlertsPage.vue'
import CompliancePage from './CompliancePage.vue'
import PatientPage from './PatientPage.vue'
import PatientsPage from './PatientsPage.vue'
import QuarantinePage from './QuarantinePage.vue'

const patients = vi.hoisted(() => ({ readCompliance: vi.fn(), readComplianceCsv: vi.fn(), readInstrument: vi.fn(), readPatient: vi.fn(), readPatients: vi.fn(), readQuarantine: vi.fn(), readReports: vi.fn() }))
const alerts = vi.hoisted(() => ({ readAlert: vi.fn(), readAlerts: vi.fn(), reportAdverseEvent: vi.fn() }))
const board = vi.hoisted(() => ({ readVisits: vi.fn() }))
vi.mock('@/api/patients', () => patients)
vi.mock('@/api/alerts', () => alerts)
vi.mock('@/api/board', () => board)
vi.mock('@/compliance/ComplianceChart.vue', () => ({ default: { template: '<i />' } }))
vi.setConfig({ testTimeout: 60_000 })

const MINUTE = 60_000
const NOON = new Date(2026, 10, 23, 12).getTime()
const BUSY = new ApiError(503, '', '')
const never = new Promise<never>(() => undefined)
let shown: VueWrapper
beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'], now: NOON }))
afterEach(() => {
  usePreferences().language = 'en'
  shown.unmount()
  vi.resetAllMocks()
  vi.useRealTimers()
})

async function open(page: Component, path = '/profile'): Promise<void> {
  shown = await show(page, {})
  await go(path)
}
async function go(path: string): Promise<void> {
  await shown.vm.$router.push(path)
  await flushPromises()
}
async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms)
  await flushPromises()
}
const loading = () => byRole(shown, 'status', 'Loading…') !== undefined
const failed = () => byRole(shown, 'alert', 'busy or restarting') !== undefined
const stale = () => byRole(shown, 'status', 'You see what was known at') !== undefined

const patient = (patientId: string, completed = 0) => ({ patientId, siteName: 'Riverside', startDate: '2026-11-01', expected: 10, completed, late: 0, open: 0, overdue: 0, missed: 0, openAlerts: 0, lastReceivedAt: null })
const patientPage = (nextCursor: string | null, ...rows: object[]) => ({ patients: rows, nextCursor })

test('the list of patients follows by itself, and keeps what it shows until the new is there', async () => {
  patients.readPatients.mockResolvedValueOnce(patientPage(null, patient('P-1', 3)))
  await open(PatientsPage)
  let answer: (page: object) => void = () => undefined
  patients.readPatients.mockReturnValueOnce(new Promise((done) => (answer = done)))
  await pass(MINUTE)
  expect(shown.text()).toContain('3 of 10')
  answer(patientPage(null, patient('P-1', 4)))
  await flushPromises()
  expect(shown.text()).toContain('4 of 10')
})

test('a list of patients of which more was loaded is not cut down to its first page', async () => {
  patients.readPatients.mockResolvedValue(patientPage('c', patient('P-1')))
  await open(PatientsPage)
  patients.readPatients.mockResolvedValueOnce(patientPage(null, patient('P-2')))
  ;(byRole(shown, 'button', 'Load more') as HTMLElement).click()
  await flushPromises()
  patients.readPatients.mockResolvedValueOnce(patientPage('c', patient('P-1', 4)))
  await pass(MINUTE)
  expect(shown.text()).toContain('4 of 10')
  expect(shown.text()).toContain('P-2')
})

test('another filter shows no patient of the one before, also where it cannot be read', async () => {
  patients.readPatients.mockResolvedValueOnce(patientPage(null, patient('P-1'))).mockReturnValueOnce(never).mockRejectedValueOnce(BUSY)
  await open(PatientsPage)
  const filter = shown.findComponent(PatientFilters).props('modelValue')
  filter.siteId = 'S-02'
  await flushPromises()
  expect([loading(), shown.text().includes('P-1')]).toEqual([true, false])
  filter.siteId = 'S-03'
  await flushPromises()
  expect([failed(), stale()]).toEqual([true, false])
})

test('another reason shows no quarantined report of the one before', async () => {
  patients.readQuarantine.mockResolvedValueOnce({ rows: [], nextCursor: null }).mockRejectedValueOnce(BUSY)
  await open(QuarantinePage)
  expect(shown.text()).toContain('Nothing is in quarantine')
  await shown.findComponent({ name: 'ElSelect' }).vm.$emit('update:modelValue', 'unreadable')
  await flushPromises()
  expect([failed(), stale()]).toEqual([true, false])
})

const alert = (alertId: string, text = alertId) => ({ alertId, text, level: 'urgent', state: 'open', marks: [], history: [], values: [], patientId: 'P-1', siteId: 'S-01', receivedAt: '2026-11-23T08:00:00Z', raisedAt: '2026-11-23T08:00:00Z', delaySeconds: 0 })
const alertPage = (...rows: object[]) => ({ alerts: rows, nextCursor: null, counts: {} })

test('“no open alerts” of one filter does not stand under another, which can still be changed', async () => {
  alerts.readAlerts.mockResolvedValueOnce(alertPage()).mockReturnValueOnce(never).mockRejectedValueOnce(BUSY).mockResolvedValueOnce(alertPage())
  await open(AlertsPage, '/alerts')
  expect(shown.text()).toContain('No open alerts')
  const list = shown.findComponent(AlertList)
  list.props('filter').state = 'acknowledged'
  await flushPromises()
  expect([loading(), shown.text().includes('appears by itself')]).toEqual([true, false])
  list.props('filter').level = 'critical'
  await flushPromises()
  expect([failed(), stale()]).toEqual([true, false])
  expect(shown.find('.tools').exists()).toBe(true)
  list.props('filter').state = 'open'
  await flushPromises()
  expect(shown.text()).not.toContain('No open alerts') // of this level only
  expect(shown.text()).toContain('No alerts here')
})

test('the alert that was chosen last is the one shown, whichever answers last', async () => {
  let answerA: (one: object) => void = () => undefined
  alerts.readAlerts.mockResolvedValue(alertPage())
  alerts.readAlert.mockReturnValueOnce(new Promise((done) => (answerA = done))).mockResolvedValueOnce(alert('b', 'Text of B'))
  await open(AlertsPage, '/alerts/a')
  await go('/alerts/b')
  answerA(alert('a', 'Text of A'))
  await flushPromises()
  expect(shown.find('.right').text()).toContain('Text of B')
})

const day = (siteName: string, completed = 5) => ({ siteId: siteName, siteName, visitDate: '2026-11-23', visitCode: 'am', visitName: 'Morning', expected: 10, completed, late: 0, upcoming: 0, open: 0, overdue: 0, missed: 10 - completed })
const days = (...found: object[]) => ({ days: found })
const dates = () => shown.findAll('input[type=date]')
const values = () => dates().map((input) => (input.element as HTMLInputElement).value)

test('compliance is read again by itself, without a flash', async () => {
  patients.readCompliance.mockResolvedValueOnce(days(day('Riverside', 5))).mockReturnValueOnce(never).mockResolvedValueOnce(days(day('Riverside', 6)))
  await open(CompliancePage)
  await pass(MINUTE)
  expect(shown.text()).toContain('50.0%')
  await pass(MINUTE)
  expect(shown.text()).toContain('60.0%')
})

test('compliance until today follows the day; a range that was chosen stays', async () => {
  patients.readCompliance.mockResolvedValue(days(day('Riverside')))
  await open(CompliancePage)
  expect(values()).toEqual(['2026-11-10', '2026-11-23'])
  await pass(24 * 60 * MINUTE)
  expect(values()).toEqual(['2026-11-11', '2026-11-24'])
  expect(patients.readCompliance).toHaveBeenLastCalledWith({ from: '2026-11-11', to: '2026-11-24' })
  await dates()[1]!.setValue('2026-11-20')
  await pass(24 * 60 * MINUTE)
  expect(values()).toEqual(['2026-11-11', '2026-11-20'])
})

test('rows of one range do not stand under another, whether that loads, fails or is overtaken', async () => {
  let answerWide: (found: object) => void = () => undefined
  patients.readCompliance
    .mockResolvedValueOnce(days(day('First')))
    .mockReturnValueOnce(new Promise((done) => (answerWide = done)))
    .mockResolvedValueOnce(days(day('Narrow')))
    .mockRejectedValueOnce(BUSY)
  await open(CompliancePage)
  await dates()[0]!.setValue('2026-10-01')
  expect([loading(), shown.text().includes('First')]).toEqual([true, false])
  await dates()[0]!.setValue('2026-11-20')
  answerWide(days(day('Wide')))
  await flushPromises()
  expect([shown.text().includes('Narrow'), shown.text().includes('Wide')]).toEqual([true, false])
  await dates()[0]!.setValue('2026-11-21')
  await flushPromises()
  expect([failed(), stale(), shown.text().includes('Narrow')]).toEqual([true, false, false])
})

test.each([['en', 'At most 93 days'], ['zh', '最多显示 93 天']] as const)('a range that the API refuses is not asked for, and nothing stands under it: %s', async (language, words) => {
  patients.readCompliance.mockResolvedValue(days(day('Riverside')))
  await open(CompliancePage)
  usePreferences().language = language
  await dates()[0]!.setValue('2026-08-23') // 93 days with the last
  await flushPromises()
  expect(patients.readCompliance).toHaveBeenLastCalledWith({ from: '2026-08-23', to: '2026-11-23' })
  patients.readCompliance.mockClear()
  await dates()[0]!.setValue('2026-08-22')
  await pass(MINUTE)
  expect(patients.readCompliance).not.toHaveBeenCalled()
  expect(byRole(shown, 'alert')?.textContent).toContain(words)
  expect(shown.text()).not.toContain('Riverside')
  await dates()[0]!.setValue('2026-11-24')
  expect(byRole(shown, 'alert')?.textContent).not.toContain(words)
})

const card = (patientId: string) => ({ ...patient(patientId), studyId: 'EB', siteId: 'S-01', timeZone: 'Asia/Shanghai', openAlerts: 0, consents: [], devices: [] })
const visit = (statusCode: string, explanation: string) => ({ visitId: 'v', visitName: 'Morning', visitDate: '2026-11-23', timeZone: 'Asia/Shanghai', opensAt: '2026-11-23T00:00:00Z', closesAt: '2026-11-23T03:00:00Z', statusCode, timeliness: null, explanation })

test('a silent patient’s visit moves on by the clock', async () => {
  patients.readPatient.mockImplementation((id: string) => Promise.resolve(card(id)))
  patients.readReports.mockResolvedValue({ reports: [], nextCursor: null })
  board.readVisits.mockResolvedValue({ visits: [visit('open', 'until three')] })
  await open(PatientPage, '/patients/P-1')
  expect(shown.text()).toContain('until three')
  board.readVisits.mockResolvedValue({ visits: [visit('missed', 'nothing came')] })
  await pass(MINUTE)
  expect(shown.text()).toContain('nothing came')
})

test('another patient shows nothing of the one before', async () => {
  patients.readPatient.mockImplementation((id: string) => Promise.resolve(card(id)))
  patients.readReports.mockResolvedValue({ reports: [], nextCursor: null })
  board.readVisits.mockResolvedValue({ visits: [visit('open', 'until three')] })
  await open(PatientPage, '/patients/P-1')
  expect(shown.text()).toContain('until three')
  board.readVisits.mockReturnValueOnce(never)
  await go('/patients/P-2')
  expect([loading(), shown.text().includes('until three')]).toEqual([true, false])
})
