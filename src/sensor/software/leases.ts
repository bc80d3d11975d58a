import { Guardian } from './guardian.ts'

/**
 * Delays of the software sensor: SIGSTOP when the sensor reads the call, SIGCONT from a timer. The stop comes late
 * (the call, and some after it, have run), but it comes; whatever ends the sensor, the guardian continues what it held.
 */
export interface LeaseReport {
  delayed(pid: number, delayMs: number): void
  resumed(pid: number, heldMs: number): void
}

/** Under this a delay is not worth a signal. */
const LEAST_MS = 5
/** Processes held at once; beyond it calls run undelayed. */
const HELD_LIMIT = 64

export class Leases {
  readonly #held = new Map<number, { until: number; since: number; timer: NodeJS.Timeout }>()
  readonly #report: LeaseReport
  readonly #now: () => number
  readonly #guardian = new Guardian()
  /** Delays given since the start. */
  given = 0

  constructor(report: LeaseReport, now: () => number) {
    this.#report = report
    this.#now = now
  }

  get size(): number {
    return this.#held.size
  }

  /** ms that are left of a process's delay. */
  left(pid: number): number {
    const lease = this.#held.get(pid)
    return lease ? Math.max(0, lease.until - this.#now()) : 0
  }

  /** Delays are to be expected from now on. */
  prepare(): void {
    this.#guardian.begin()
  }

  /** Holds a process; one that is held already is held anew from now on. Nothing when it may not be signalled. */
  hold(pid: number, delayMs: number): void {
    if (delayMs < LEAST_MS || pid <= 1) return
    const before = this.#held.get(pid)
    if (before === undefined && this.#held.size >= HELD_LIMIT) return
    if (!before) this.#guardian.hold(pid)
    try {
      process.kill(pid, 'SIGSTOP')
    } catch {
      if (!before) this.#guardian.let(pid)
      return
    }
    if (before) clearTimeout(before.timer)
    const since = before?.since ?? this.#now()
    const timer = setTimeout(() => this.release(pid), delayMs)
    this.#held.set(pid, { until: this.#now() + delayMs, since, timer })
    this.given++
    this.#report.delayed(pid, delayMs)
  }

  release(pid: number): void {
    const lease = this.#held.get(pid)
    if (lease === undefined) return
    clearTimeout(lease.timer)
    this.#held.delete(pid)
    try {
      process.kill(pid, 'SIGCONT')
    } catch {
      // It ended while it was held (SIGKILL reaches a stopped process).
    }
    this.#guardian.let(pid)
    this.#report.resumed(pid, this.#now() - lease.since)
  }

  releaseAll(): void {
    for (const pid of [...this.#held.keys()]) this.release(pid)
    this.#guardian.end()
  }
}
