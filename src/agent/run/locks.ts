/**
 * Locks of the agent: when each promise last ran (`ifelapsed`), and which run is at work now (`expireafter`). Files of
 * root's in the agent's folder, each written beside and renamed, so that a crash leaves the old or the new one.
 */
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { AgentError } from '../errors.ts'
import { signalProcess } from '../host/pidfd.ts'
import { lives, startTicksOf } from '../host/processes.ts'
import { writeWhole } from '../host/whole-file.ts'

const lastShape = z.record(z.string(), z.number())
/** Promises remembered; those that ran longest ago are forgotten, and run again. */
const LOCKS_LIMIT = 4000

export class PromiseLocks {
  readonly #file: string
  readonly #last: Map<string, number>

  /** @param name `locks.json`; another for runs that only tell what they would do */
  constructor(folder: string, name = 'locks.json') {
    this.#file = join(folder, name)
    this.#last = new Map(Object.entries(read(this.#file, lastShape) ?? {}))
  }

  /** ms until it may run again; 0: now. A clock that was set back does not lock for longer than `ifelapsed`. */
  wait(key: string, ifelapsedMs: number, now: number): number {
    const last = this.#last.get(key)
    if (last === undefined || last > now) return 0
    return Math.max(0, last + ifelapsedMs - now)
  }

  /** When it ran last, ms since the epoch. */
  last(key: string): number | undefined {
    return this.#last.get(key)
  }

  /** @throws Error where the disk does not take it */
  ran(key: string, now: number): void {
    this.#last.delete(key)
    this.#last.set(key, now)
    for (const oldest of this.#last.keys()) {
      if (this.#last.size <= LOCKS_LIMIT) break
      this.#last.delete(oldest)
    }
    writeWhole(this.#file, Object.fromEntries(this.#last))
  }
}

const holderShape = z.object({
  pid: z.int(),
  startTicks: z.int(),
  /** The promise it is at, since when, and how long that may take. */
  promise: z.string(),
  since: z.number(),
  expireafterMs: z.number(),
})
type Holder = z.infer<typeof holderShape>

/** How long a run that is told to end has to do so. */
const GRACE_MS = 2000

export class RunLock {
  readonly #file: string

  private constructor(file: string) {
    this.#file = file
  }

  /**
   * Takes the lock; a dead run's is taken over, one that has been at a promise for longer than its `expireafter` is
   * ended first.
   * @returns undefined while another run is at work
   * @throws AgentError where the disk does not take it
   */
  static async take(folder: string, now: () => number): Promise<RunLock | { held: Holder }> {
    const file = join(folder, 'run.lock')
    const mine = `${file}.${process.pid}`
    const me: Holder = {
      pid: process.pid,
      startTicks: startTicksOf(process.pid) ?? 0,
      promise: '',
      since: now(),
      expireafterMs: 60_000,
    }
    try {
      writeFileSync(mine, JSON.stringify(me), { mode: 0o600 })
      for (let attempt = 0; attempt < 3; attempt++)
        try {
          linkSync(mine, file)
          return new RunLock(file)
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
          const holder = read(file, holderShape)
          if (holder && lives(holder)) {
            if (now() - holder.since <= holder.expireafterMs) return { held: holder }
            await endHolder(holder)
          }
          rmSync(file, { force: true })
        }
      throw new Error('another run takes it again and again')
    } catch (error) {
      throw new AgentError(
        `${file}: ${(error as Error).message}: nothing was done; make room, or let root write there`,
      )
    } finally {
      rmSync(mine, { force: true })
    }
  }

  at(promise: string, expireafterMs: number, now: number): void {
    writeWhole(this.#file, {
      pid: process.pid,
      startTicks: startTicksOf(process.pid) ?? 0,
      promise,
      since: now,
      expireafterMs,
    } satisfies Holder)
  }

  release(): void {
    rmSync(this.#file, { force: true })
  }
}

async function endHolder(holder: Holder): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (signalProcess(holder, signal) !== 'sent') return
    const end = Date.now() + GRACE_MS
    while (Date.now() < end && lives(holder)) await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Undefined for a file that is not there, or holds something else: a crash of the disk must not stop every run. */
function read<T>(file: string, shape: z.ZodType<T>): T | undefined {
  try {
    return shape.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return undefined
  }
}
