/** What the live connection says; the shapes of `WS /api/v1/live`. */
export interface LiveEvent {
  id?: string
  type: string
  siteId?: string
  patientId?: string | null
  at: string
  data: Record<string, unknown>
}

export type Frame = { kind: 'events'; events: LiveEvent[]; cursor: string | null; asOf: string | null } | { kind: 'resync'; cursor: string | null }

/** A frame, or null for what is not one: an unknown message must not stop the ones after it. */
export function parseFrame(text: string): Frame | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const frame = value as { events?: unknown; cursor?: unknown; resync?: unknown; type?: unknown; asOf?: unknown }
  const cursor = typeof frame.cursor === 'string' ? frame.cursor : null
  if (frame.resync !== undefined || frame.type === 'resync') return { kind: 'resync', cursor }
  if (!Array.isArray(frame.events)) return null
  const events = frame.events.filter(isEvent)
  if (events.some((event) => event.type === 'resync')) return { kind: 'resync', cursor }
  return { kind: 'events', events, cursor, asOf: typeof frame.asOf === 'string' ? frame.asOf : null }
}

function isEvent(value: unknown): value is LiveEvent {
  return typeof value === 'object' && value !== null && typeof (value as LiveEvent).type === 'string'
}
