import { readdirSync, type Stats, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { reason } from './errors.ts'

/**
 * `grown`: bytes written since the reading before. `begun`: seen for the first time, or put in another's place: nothing can be
 * said yet. `absent`: not there, and never was. `vanished`: was there before.
 */
export type GrowthStep =
  | { kind: 'grown'; bytes: number }
  | { kind: 'begun' | 'absent' | 'vanished' | 'no-file' }
  | { kind: 'error'; why: string }

/** By how much one file grows from reading to reading, across truncation and rotation. Needs no right to read it. */
export class FileGrowth {
  readonly path: string
  #last: { dev: number; ino: number; size: number } | undefined
  #seen = false

  constructor(path: string) {
    this.path = path
  }

  read(): GrowthStep {
    let now: Stats | undefined
    try {
      now = statSync(this.path, { throwIfNoEntry: false })
    } catch (error) {
      this.#last = undefined
      return { kind: 'error', why: reason(error) }
    }
    const last = this.#last
    this.#last = now?.isFile() ? { dev: now.dev, ino: now.ino, size: now.size } : undefined
    if (!now) return { kind: this.#seen ? 'vanished' : 'absent' }
    if (!now.isFile()) return { kind: 'no-file' }
    this.#seen = true
    if (!last) return { kind: 'begun' }
    if (now.ino === last.ino && now.dev === last.dev)
      // Shorter: cut off in place (logrotate's copytruncate), and all there is was written since.
      return { kind: 'grown', bytes: now.size >= last.size ? now.size - last.size : now.size }
    const before = this.#renamed(last)
    return before === undefined ? { kind: 'begun' } : { kind: 'grown', bytes: before - last.size + now.size }
  }

  /**
   * Size of the file that had this name, where it still is beside it (`syslog.1`, `messages-20260123`): then this is a
   * rotation, and all of the new file is new. Else the file was replaced, by an editor or a restore.
   */
  #renamed(last: { dev: number; ino: number; size: number }): number | undefined {
    const folder = dirname(this.path)
    const start = basename(this.path)
    try {
      for (const entry of readdirSync(folder)) {
        if (!entry.startsWith(start) || entry === start) continue
        const found = statSync(join(folder, entry), { throwIfNoEntry: false })
        if (found?.ino === last.ino && found.dev === last.dev && found.size >= last.size) return found.size
      }
    } catch {
      // A folder that cannot be listed hides the old file: nothing is known of it.
    }
    return undefined
  }
}
