/**
 * The other side of the sensor's leases: whoever started the sensor listens to what it says of stopped processes, and
 * continues them when it is gone. A process stopped by a signal stays stopped when the sensor dies.
 */
import { statSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { isFile } from './kernel/identity.ts'
import { allProcesses, processStat } from './kernel/proc.ts'

interface Armed {
  path: string
  dev: number
  ino: string
}

interface Report {
  armed?: Armed[]
  stopped?: { pid: number; startTime: number; until: number }
  continued?: { pid: number }
}

const LINE_LIMIT = 1 << 20
/** What the sensor's own limits allow at most; beyond them it is not told the truth, and no more is kept. */
const ARMED_LIMIT = 16_384
const STOPPED_LIMIT = 4096

export class SensorSupervisor {
  /** Executables whose processes the kernel may stop, by device and inode. */
  readonly #armed = new Map<string, Armed>()
  /** Processes that are stopped now: pid, start time. */
  readonly #stopped = new Map<number, { startTime: number; until: number }>()
  #rest = ''
  /** Lines and entries of the sensor's that were not understood, or beyond what is kept. */
  unread = 0

  /** `stream`: what the sensor writes to the fd named by its `--supervisor-fd`. */
  listen(stream: Readable): void {
    stream.setEncoding('utf8')
    stream.on('data', (text: string) => this.take(text))
    // The stream's end is the sensor's: its exit is what counts.
    stream.on('error', () => {})
  }

  take(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() as string
    // The end of a line of which the beginning is gone says nothing.
    if (this.#rest.length > LINE_LIMIT) {
      this.#rest = ''
      this.unread++
    }
    for (const line of lines) if (line) this.#line(line)
  }

  #line(line: string): void {
    let message: Report
    try {
      message = reportFrom(JSON.parse(line))
    } catch {
      // Whoever listens continues processes when the sensor dies; it must not die of what the sensor says.
      this.unread++
      return
    }
    for (const armed of message.armed ?? []) {
      const key = `${armed.dev}:${armed.ino}`
      if (this.#armed.size < ARMED_LIMIT || this.#armed.has(key)) this.#armed.set(key, armed)
      else this.unread++
    }
    if (message.stopped) {
      const { pid, startTime, until } = message.stopped
      if (this.#stopped.size < STOPPED_LIMIT || this.#stopped.has(pid))
        this.#stopped.set(pid, { startTime, until })
      else this.unread++
    }
    if (message.continued) this.#stopped.delete(message.continued.pid)
  }

  /** Processes held now. */
  get held(): number[] {
    return [...this.#stopped.keys()]
  }

  /** The sensor lives but is late by more than `graceMs` (it hangs): continues those. Answers the pids. */
  continueOverdue(now: number, graceMs = 5000): number[] {
    const late = [...this.#stopped].filter(([, { until }]) => now > until + graceMs)
    for (const [pid, { startTime }] of late) {
      this.#stopped.delete(pid)
      if (processStat(pid)?.startTicks === startTime) resume(pid)
    }
    return late.map(([pid]) => pid)
  }

  /**
   * As `continueAll`, and looks again for a while: the kernel takes a dead sensor's programs away only a moment later.
   * Start the next sensor when this has resolved, or its first delays are ended here.
   */
  async recover(): Promise<number[]> {
    const armed = new Map(this.#armed)
    const continued = this.continueAll()
    for (const pause of [50, 150, 300]) {
      await new Promise((resolve) => setTimeout(resolve, pause))
      for (const [key, value] of armed) this.#armed.set(key, value)
      continued.push(...this.continueAll())
    }
    return [...new Set(continued)]
  }

  /**
   * The sensor is dead: continues what it reported as stopped, and every stopped process of a program that it could
   * have had stopped without living to report it. Answers the pids.
   */
  continueAll(): number[] {
    const continued: number[] = []
    const go = (pid: number) => {
      if (resume(pid)) continued.push(pid)
    }
    for (const [pid, { startTime }] of this.#stopped) if (processStat(pid)?.startTicks === startTime) go(pid)
    if (this.#armed.size > 0)
      for (const pid of allProcesses())
        if (!continued.includes(pid) && processStat(pid)?.state === 'T' && this.#isArmed(pid)) go(pid)
    this.#stopped.clear()
    this.#armed.clear()
    this.#rest = ''
    return continued
  }

  #isArmed(pid: number): boolean {
    try {
      const stat = statSync(`/proc/${pid}/exe`, { bigint: true })
      return [...this.#armed.values()].some(({ dev, ino }) => isFile(stat, { device: dev, inode: ino }))
    } catch {
      return false
    }
  }
}

/** False: it has ended since. */
function resume(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGCONT')
  } catch {
    return false
  }
}

/** @throws TypeError where a field is not what it should be */
function reportFrom(value: unknown): Report {
  const { armed, stopped, continued } = value as Report
  const whole = (...numbers: unknown[]) => numbers.every((one) => Number.isSafeInteger(one))
  if (armed && !(Array.isArray(armed) && armed.every((one) => whole(one.dev) && typeof one.ino === 'string')))
    throw new TypeError('armed')
  if (
    stopped &&
    !(whole(stopped.pid, stopped.startTime) && stopped.pid > 1 && Number.isFinite(stopped.until))
  )
    throw new TypeError('stopped')
  if (continued && !whole(continued.pid)) throw new TypeError('continued')
  return { ...(armed ? { armed } : {}), ...(stopped ? { stopped } : {}), ...(continued ? { continued } : {}) }
}
