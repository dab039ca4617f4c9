import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { LiveConnection, type LiveState } from './connection'
import { parseFrame } from './frames'

class FakeSocket {
  sent: string[] = []
  onopen: (() => void) | null = null
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null
  send(text: string): void {
    this.sent.push(text)
  }
  close(): void {
    this.onclose?.({ code: 1006 })
  }
}

function connect() {
  const sockets: FakeSocket[] = []
  const states: LiveState[] = []
  const told = { events: 0, resyncs: 0, polls: 0, renewals: 0 }
  const connection = new LiveConnection({
    open: () => (sockets.push(new FakeSocket()), sockets.at(-1) as unknown as WebSocket),
    token: () => 'token',
    renew: async () => ((told.renewals += 1), true),
    ended: () => undefined,
    onEvents: (events) => (told.events += events.length),
    onAsOf: () => undefined,
    onResync: () => (told.resyncs += 1),
    onState: (state) => states.push(state),
    poll: () => (told.polls += 1),
    random: () => 0.5,
  })
  connection.start()
  return { connection, sockets, states, told }
}

const frame = (cursor: string, events: object[] = []) => ({ data: JSON.stringify({ events, cursor, asOf: null }) })
beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('it comes back with the cursor of the last frame', async () => {
  const { sockets, states, told } = connect()
  sockets[0]!.onopen?.()
  expect(JSON.parse(sockets[0]!.sent[0]!)).toEqual({ token: 'token', cursor: null })
  sockets[0]!.onmessage?.(frame('e.7', [{ type: 'alert.raised' }]))
  expect(told).toMatchObject({ events: 1, resyncs: 1 }) // what happened before the first frame is read anew
  sockets[0]!.onclose?.({ code: 1013 })
  expect(states.at(-1)).toBe('waiting')
  await vi.advanceTimersByTimeAsync(2_000)
  sockets[1]!.onopen?.()
  expect(JSON.parse(sockets[1]!.sent[0]!)).toMatchObject({ cursor: 'e.7' })
  sockets[1]!.onmessage?.(frame('e.9'))
  expect(told.resyncs).toBe(1)
  expect(states.at(-1)).toBe('live')
})

test('a refused token is renewed before it connects again', async () => {
  const { sockets, told } = connect()
  sockets[0]!.onclose?.({ code: 4401 })
  await vi.advanceTimersByTimeAsync(5_000)
  expect(told.renewals).toBe(1)
  expect(sockets).toHaveLength(2)
})

test('where sockets never open it polls, and stops polling once they do', async () => {
  const { sockets, states, told } = connect()
  for (let round = 0; round < 3; round += 1) {
    sockets.at(-1)!.onclose?.({ code: 1006 })
    await vi.advanceTimersByTimeAsync(16_000)
  }
  expect(states).toContain('polling')
  expect(told.polls).toBeGreaterThan(1)
  sockets.at(-1)!.onmessage?.(frame('e.1'))
  const polls = told.polls
  await vi.advanceTimersByTimeAsync(20_000)
  expect(told.polls).toBe(polls)
})

test('what is no frame is passed over', () => {
  expect(parseFrame('nonsense')).toBeNull()
  expect(parseFrame('[]')).toBeNull()
  expect(parseFrame('{"events":[{"type":"x"},7],"cursor":"e.1"}')).toMatchObject({ events: [{ type: 'x' }], cursor: 'e.1' })
  expect(parseFrame('{"resync":true,"cursor":"e.2"}')).toEqual({ kind: 'resync', cursor: 'e.2' })
})
