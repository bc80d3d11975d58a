/**
 * Stopped processes, each until a time. The kernel stopped them; only this continues them, so whatever is decided,
 * every process that was reported stopped ends up continued: by its timer, by `continueAll`, by the supervisor that is
 * told of each, or, from the mirror file, by the next sensor.
 */
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { processStat } from './proc.ts'

export interface Lease {
  pid: number
  startTicks: number
  /** ms since the epoch */
  until: number
}

export interface LeaseEvents {
  /** Before the timer runs: whoever would continue it in our place must know. */
  stopped(lease: Lease): void
  continued(pid: number, heldMs: number): void
  /** The kernel may stop it again. */
  release(pid: number): void
}

interface Held extends Lease {
  since: number
  timer: NodeJS.Timeout
}

/** Timers may fire up to 1 ms early. */
const EARLY_MS = 1
const RETRY_MS = 20
/** A stop lands when its process next returns to user mode, which may be after the event was read. */
const RETRIES = 50

export class Leases {
  readonly #held = new Map<number, Held>()
  readonly #events: LeaseEvents
  readonly #mirror: string | undefined
  readonly #retries = new Set<NodeJS.Timeout>()
  delays = 0

  constructor(events: LeaseEvents, mirror?: string) {
    this.#events = events
    this.#mirror = mirror
  }

  get size(): number {
    return this.#held.size
  }

  /** ms that are left; 0: not held. */
  left(pid: number, now: number): number {
    const held = this.#held.get(pid)
    return held ? Math.max(0, held.until - now) : 0
  }

  /** The process has been stopped at `now`; a stop while it is held extends the lease. */
  hold(pid: number, startTicks: number, ms: number, now: number): void {
    this.delays++
    const before = this.#held.get(pid)
    if (before) clearTimeout(before.timer)
    const until = Math.max(before?.until ?? 0, now + ms)
    const timer = setTimeout(() => this.finish(pid), until - now + EARLY_MS)
    this.#held.set(pid, { pid, startTicks, until, since: before?.since ?? now, timer })
    this.#events.stopped({ pid, startTicks, until })
    this.#write()
  }

  /** Continues it now, if it is held. */
  finish(pid: number): void {
    const held = this.#held.get(pid)
    if (!held) return
    clearTimeout(held.timer)
    this.#held.delete(pid)
    this.#write()
    this.#events.release(pid)
    this.continue(held.pid, held.startTicks)
    this.#events.continued(pid, Date.now() - held.since)
  }

  /** SIGCONT until the process is seen to run; one that is another process by now is left alone. */
  continue(pid: number, startTicks: number, attempt = 0): void {
    const stat = processStat(pid)
    if (!stat || stat.startTicks !== startTicks) return
    try {
      process.kill(pid, 'SIGCONT')
    } catch {
      return
    }
    if (attempt >= RETRIES) return
    const again = setTimeout(() => {
      this.#retries.delete(again)
      // Held anew meanwhile: its own timer sees to it.
      if (this.#held.has(pid)) return
      if (processStat(pid)?.state === 'T') this.continue(pid, startTicks, attempt + 1)
    }, RETRY_MS)
    this.#retries.add(again)
  }

  continueAll(): void {
    for (const pid of [...this.#held.keys()]) this.finish(pid)
  }

  /** At the very end, when no timer will run any more: once more, at once, for who was stopped in the last moment. */
  close(): void {
    this.continueAll()
    for (const timer of this.#retries) clearTimeout(timer)
    this.#retries.clear()
  }

  #write(): void {
    if (!this.#mirror) return
    const leases = [...this.#held.values()].map(({ pid, startTicks, until }) => ({ pid, startTicks, until }))
    writeLeases(this.#mirror, leases)
  }
}

/** Root's alone: whoever could write it could have any process continued. */
export function writeLeases(file: string, leases: Lease[]): void {
  try {
    if (leases.length === 0) rmSync(file, { force: true })
    else {
      writeFileSync(`${file}.new`, JSON.stringify(leases), { mode: 0o600 })
      renameSync(`${file}.new`, file)
    }
  } catch {
    // A full disk must not keep a process stopped; the supervisor knows the leases too.
  }
}

/** Continues what an earlier sensor left stopped. Answers how many processes that were. */
export function continueLeftovers(file: string): number {
  let leases: Lease[]
  try {
    if (statSync(file).uid !== process.getuid?.()) return 0
    leases = JSON.parse(readFileSync(file, 'utf8')) as Lease[]
  } catch {
    return 0
  }
  let continued = 0
  for (const { pid, startTicks } of leases) {
    if (processStat(pid)?.startTicks !== startTicks) continue
    try {
      process.kill(pid, 'SIGCONT')
      continued++
    } catch {
      // It ended between the two lines.
    }
  }
  rmSync(file, { force: true })
  return continued
}
