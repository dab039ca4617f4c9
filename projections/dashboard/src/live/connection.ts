import { type LiveEvent, parseFrame } from './frames'

export type LiveState = 'off' | 'connecting' | 'live' | 'waiting' | 'polling'

/** What a connection needs from its surroundings; tests give their own. */
export interface Surroundings {
  open(): WebSocket
  token(): string | null
  renew(): Promise<boolean>
  ended(): void
  onEvents(events: LiveEvent[]): void
  /** Everything that arrived before this instant has been told. */
  onAsOf(asOf: string): void
  /** The cursor was not known any more, or pushing was interrupted without one: read everything again. */
  onResync(): void
  onState(state: LiveState): void
  /** Ask the REST API instead, while pushing does not work. */
  poll(): void
  random(): number
}

export const POLL_EVERY_S = 5
const BAD_TOKEN = 4401
const NO_SCOPE = 1008
const BLOCKED_AFTER = 3
const FIRST_DELAY_MS = 500
const LONGEST_DELAY_MS = 15_000
const QUIET_MS = 45_000

/** One live connection: it comes back by itself, at the cursor where it was lost, and polls where it cannot. */
export class LiveConnection {
  private socket: WebSocket | null = null
  private cursor: string | null = null
  private failures = 0
  private everLive = false
  private afresh = true
  private timer: ReturnType<typeof setTimeout> | undefined
  private poller: ReturnType<typeof setInterval> | undefined
  private stopped = true

  constructor(private readonly around: Surroundings) {}

  start(): void {
    if (!this.stopped) return
    this.stopped = false
    this.failures = 0
    this.connect()
  }

  stop(): void {
    this.stopped = true
    this.cursor = null
    this.everLive = false
    clearTimeout(this.timer)
    this.stopPolling()
    const socket = this.socket
    this.socket = null
    socket?.close(1000)
    this.around.onState('off')
  }

  /** Try now: the network is back, or the page is looked at again. */
  hurry(): void {
    if (this.stopped || this.socket) return
    clearTimeout(this.timer)
    this.connect()
  }

  private connect(): void {
    const token = this.around.token()
    if (this.stopped || token === null) return
    if (!this.poller) this.around.onState(this.everLive ? 'waiting' : 'connecting')
    const socket = this.around.open()
    this.socket = socket
    this.afresh = this.cursor === null // what happened before the first frame was told to nobody
    socket.onopen = () => socket.send(JSON.stringify({ token, cursor: this.cursor }))
    socket.onmessage = (message: MessageEvent) => socket === this.socket && this.heard(String(message.data))
    socket.onclose = (event: CloseEvent) => {
      if (socket === this.socket) this.lost(event.code)
    }
    this.expectSomething()
  }

  private heard(text: string): void {
    this.expectSomething()
    const frame = parseFrame(text)
    if (!frame) return
    this.failures = 0
    this.stopPolling()
    this.everLive = true
    this.around.onState('live')
    if (frame.cursor !== null) this.cursor = frame.cursor
    if (frame.kind === 'resync' || this.afresh) this.around.onResync()
    this.afresh = false
    if (frame.kind !== 'events') return
    if (frame.events.length) this.around.onEvents(frame.events)
    if (frame.asOf !== null) this.around.onAsOf(frame.asOf)
  }

  /** A connection that only looks open (a laptop that slept, a proxy that forgot) is given up. */
  private expectSomething(): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.socket?.close(), QUIET_MS)
  }

  private lost(code: number): void {
    clearTimeout(this.timer)
    this.socket = null
    if (this.stopped) return
    if (code === BAD_TOKEN) {
      void this.renewThenConnect()
      return
    }
    if (code === NO_SCOPE) this.cursor = null
    this.failures += 1
    if (this.failures >= BLOCKED_AFTER) this.startPolling()
    else if (!this.poller) this.around.onState('waiting')
    this.later()
  }

  private later(): void {
    const longest = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.failures)
    this.timer = setTimeout(() => this.connect(), longest * (0.5 + 0.5 * this.around.random()))
  }

  private async renewThenConnect(): Promise<void> {
    try {
      if (await this.around.renew()) {
        this.failures += 1 // a server that refuses even new tokens is not asked in a loop
        this.later()
      } else this.around.ended()
    } catch {
      this.failures += 1
      this.later()
    }
  }

  private startPolling(): void {
    if (this.poller) return
    this.around.onState('polling')
    this.around.poll()
    this.poller = setInterval(() => this.around.poll(), POLL_EVERY_S * 1000)
  }

  private stopPolling(): void {
    clearInterval(this.poller)
    this.poller = undefined
  }
}
