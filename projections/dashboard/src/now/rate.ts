/** Reports per second, from how the counters move: one bucket per second, the last minute. */
export class RateMeter {
  private readonly buckets = new Map<number, number>()

  constructor(
    readonly seconds = 60,
    readonly average = 5,
  ) {}

  add(count: number, nowMs: number): void {
    if (count <= 0) return
    const second = Math.floor(nowMs / 1000)
    this.buckets.set(second, (this.buckets.get(second) ?? 0) + count)
    for (const old of this.buckets.keys()) if (old <= second - this.seconds) this.buckets.delete(old)
  }

  /** The last minute, oldest first; the second that is still running is left out. */
  series(nowMs: number): number[] {
    const last = Math.floor(nowMs / 1000) - 1
    return Array.from({ length: this.seconds }, (_, index) => this.buckets.get(last - this.seconds + 1 + index) ?? 0)
  }

  rate(nowMs: number): number {
    const recent = this.series(nowMs).slice(-this.average)
    return recent.reduce((all, one) => all + one, 0) / this.average
  }

  clear(): void {
    this.buckets.clear()
  }
}
