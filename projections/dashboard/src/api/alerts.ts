import type { AlertFilter } from '@/alerts/model'
import { http } from './client'
import type { AdverseEvent, AdverseEvents, Alert, AlertDetail, Alerts } from './types'

export interface NewAdverseEvent {
  patientId: string
  alertId?: string
  term: string
  grade: number
  serious: boolean
  onset: string
  description?: string
}

export async function readAlerts(filter: Partial<AlertFilter> & { patientId?: string }, cursor?: string, limit = 50): Promise<Alerts> {
  const params = { state: filter.state || undefined, level: filter.level || undefined, patientId: filter.patientId, cursor, limit }
  return (await http.get<Alerts>('/api/v1/alerts', { params })).data
}

export async function readAlert(id: string): Promise<AlertDetail> {
  return (await http.get<AlertDetail>(`/api/v1/alerts/${encodeURIComponent(id)}`)).data
}

export async function acknowledgeAlert(id: string, note: string): Promise<Alert> {
  return (await http.post<Alert>(`/api/v1/alerts/${encodeURIComponent(id)}/acknowledge`, { note: note || undefined })).data
}

export async function assessAlert(id: string, assessment: string, note: string): Promise<Alert> {
  const body = { assessment, note: note || undefined }
  return (await http.post<Alert>(`/api/v1/alerts/${encodeURIComponent(id)}/assess`, body)).data
}

export async function closeAlert(id: string, outcome: string, note: string): Promise<Alert> {
  const body = { outcome, note: note || undefined }
  return (await http.post<Alert>(`/api/v1/alerts/${encodeURIComponent(id)}/close`, body)).data
}

/** Report an adverse event; sent again under the same key it happens once. */
export async function reportAdverseEvent(event: NewAdverseEvent, key: string): Promise<AdverseEvent> {
  return (await http.post<AdverseEvent>('/api/v1/adverse-events', event, { headers: { 'Idempotency-Key': key } })).data
}

export async function readAdverseEvents(cursor?: string, patientId?: string): Promise<AdverseEvents> {
  return (await http.get<AdverseEvents>('/api/v1/adverse-events', { params: { cursor, patientId } })).data
}
