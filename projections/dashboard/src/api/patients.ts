import { http } from './client'
import type { Compliance, Instrument, PatientCard, Patients, Quarantine, Reports } from './types'

export interface PatientFilter {
  query: string
  siteId: string
  status: string
}

export async function readPatients(filter: PatientFilter, cursor?: string): Promise<Patients> {
  const params = {
    query: filter.query || undefined,
    siteId: filter.siteId || undefined,
    status: filter.status || undefined,
    cursor,
    limit: 100,
  }
  return (await http.get<Patients>('/api/v1/patients', { params })).data
}

export async function readPatient(id: string): Promise<PatientCard> {
  return (await http.get<PatientCard>(`/api/v1/patients/${encodeURIComponent(id)}`)).data
}

export async function readReports(id: string, cursor?: string): Promise<Reports> {
  return (await http.get<Reports>(`/api/v1/patients/${encodeURIComponent(id)}/reports`, { params: { cursor, limit: 100 } })).data
}

const instruments = new Map<string, Promise<Instrument>>()

/** A questionnaire as it was published; a version never changes, so it is read once. */
export function readInstrument(studyId: string, id: string, version: string): Promise<Instrument> {
  const path = ['/api/v1/instruments', ...[studyId, id, version].map(encodeURIComponent)].join('/')
  const known = instruments.get(path)
  if (known) return known
  const asked = http.get<Instrument>(path).then((answer) => answer.data)
  instruments.set(path, asked)
  asked.catch(() => instruments.delete(path))
  return asked
}

export interface Days {
  from: string
  to: string
}

export async function readCompliance(days: Days): Promise<Compliance> {
  return (await http.get<Compliance>('/api/v1/compliance', { params: days })).data
}

export async function readComplianceCsv(days: Days): Promise<Blob> {
  return (await http.get<Blob>('/api/v1/compliance.csv', { params: days, responseType: 'blob' })).data
}

export async function readQuarantine(reason: string, cursor?: string): Promise<Quarantine> {
  return (await http.get<Quarantine>('/api/v1/quarantine', { params: { reason: reason || undefined, cursor } })).data
}
