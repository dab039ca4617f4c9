import type { Alert } from '@/api/types'

export type AlertLevel = Alert['level']
export type AlertState = Alert['state']
export const LEVELS: readonly AlertLevel[] = ['critical', 'urgent', 'routine']
export const STATES: readonly AlertState[] = ['open', 'acknowledged', 'assessed', 'closed']

export interface AlertFilter {
  state: AlertState | ''
  level: AlertLevel | ''
}

export function matches(alert: Pick<Alert, 'state' | 'level'>, filter: AlertFilter): boolean {
  return (!filter.state || alert.state === filter.state) && (!filter.level || alert.level === filter.level)
}

/** An alert as an event tells of it: everything but the rule's text, which the list's answer has. */
export function fromEvent(data: Record<string, unknown>): Alert | null {
  if (typeof data.alertId !== 'string' || !LEVELS.includes(data.level as AlertLevel)) return null
  const nothing = {
    text: '', state: 'open', marks: [], reason: null, visitId: null, acknowledgedAt: null, acknowledgedBy: null,
    assessment: null, assessedAt: null, assessedBy: null, outcome: null, closedAt: null, closedBy: null,
    adverseEventId: null, delaySeconds: 0,
  }
  return { ...nothing, ...data } as unknown as Alert
}
