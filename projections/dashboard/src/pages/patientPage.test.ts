import { flushPromises } from '@vue/test-utils'
import { expect, test, vi } from 'vitest'
import { byRole, show } from '@/testing/show'
import PatientPage from './PatientPage.vue'

vi.mock('@/api/board', () => ({ readVisits: async () => ({ visits: [] }) }))
vi.mock('@/api/patients', () => ({
  readPatient: async () => ({ patientId: 'P-1', studyId: 'st', timeZone: 'Pacific/Kiritimati' }),
  readReports: async () => ({ reports: [], nextCursor: null }),
}))

test('an adverse event reported from here is dated by the patient’s clock', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2026-11-23T10:30:00Z') })
  const page = await show(PatientPage, {}, { permissions: ['adverse_events.report'] })
  await flushPromises()
  ;(byRole(page, 'button', 'Report an adverse event') as HTMLElement).click()
  await flushPromises()
  expect(document.querySelector<HTMLInputElement>('#onset')?.value).toBe('2026-11-24')
  page.unmount()
  vi.useRealTimers()
})
