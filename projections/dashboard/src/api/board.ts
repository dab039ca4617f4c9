import { http } from './client'
import type { Board, Site, Sites, Visits } from './types'

export async function readSites(): Promise<Site[]> {
  return (await http.get<Sites>('/api/v1/sites')).data.sites
}

export async function readBoard(): Promise<Board> {
  return (await http.get<Board>('/api/v1/board')).data
}

export async function readVisits(patientId: string): Promise<Visits> {
  return (await http.get<Visits>(`/api/v1/trial/patients/${encodeURIComponent(patientId)}/visits`)).data
}
