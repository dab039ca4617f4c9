import { randomUUID } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { enrolNew, status } from './stack'

/** Whose turn it is to report what, as `eightbells tokens mint` writes it. */
export interface Assignment {
  patientId: string
  siteId: string
  timeZone: string
  visitId: string
  instrument: string
  instrumentVersion: string
  recordedAt: string
  token: string
}

/** A report that was accepted; instants in ms since 1970 by this process's `performance` clock. */
export interface Posted extends Assignment {
  reportId: string
  postedAt: number
  acceptedAt: number
}

/** New patients at these sites, each with a report that is due. */
export function assignNew(patients: number, sites: readonly string[], visitCode = 'diary-am'): Assignment[] {
  const folder = enrolNew(patients, sites, visitCode)
  try {
    return readFileSync(join(folder, 'tokens'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Assignment)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Answers that raise one alert each: a fever (`urgent`), thoughts of self-harm (`critical`), none at all. */
export const FEVER = { pain: 2, fatigue: 3, nausea: 1, temperature: 39.2 }
export const WELL = { pain: 2, fatigue: 3, nausea: 1, temperature: 36.8 }
export const SELF_HARM = { q1: 1, q2: 1, q3: 0, q4: 1, q5: 0, q6: 0, q7: 0, q8: 0, q9: 1 }

export const clock = (): number => performance.timeOrigin + performance.now()

/** Report for a patient, as the patient's app would. */
export async function post(assignment: Assignment, answers: Record<string, number>): Promise<Posted> {
  const { patientId, visitId, instrument, instrumentVersion, timeZone, recordedAt } = assignment
  const report = { reportId: randomUUID(), patientId, visitId, instrument, instrumentVersion, timeZone, recordedAt, answers }
  const body = JSON.stringify(report)
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${assignment.token}` }
  const postedAt = clock()
  const answer = await fetch(`${status.gateway}/api/v1/reports`, { method: 'POST', headers, body })
  const acceptedAt = clock()
  if (answer.status !== 202) throw new Error(`a report was answered ${answer.status}: ${await answer.text()}`)
  await answer.arrayBuffer()
  return { ...assignment, reportId: report.reportId, postedAt, acceptedAt }
}

/** Post one report after another in even steps, whether or not earlier ones have been answered. */
export async function postEvenly(assignments: readonly Assignment[], answers: Record<string, number>, perSecond: number): Promise<Posted[]> {
  const begin = clock()
  return await Promise.all(
    assignments.map(async (one, index) => {
      await new Promise((done) => setTimeout(done, Math.max(0, begin + (index * 1000) / perSecond - clock())))
      return await post(one, answers)
    }),
  )
}
