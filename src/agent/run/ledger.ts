/**
 * The ledger: every act before it is done and how it went, a line of JSON each, in a file of root's. What could not be
 * written is not done. At 4 MiB the file becomes `.1`, whose predecessor goes.
 */
import { appendFileSync, readFileSync, renameSync, rmSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { AgentError } from '../errors.ts'
import type { Outcome, Undo } from '../promises/interface.ts'

export interface LedgerEntry {
  /** Eight hex digits. */
  id: string
  /** ms since the epoch */
  at: number
  run: string
  promise: string
  type: string
  act: string
  target: string
  incidents: string[]
  /** It was not done: it would have been. */
  dry: boolean
  /** `begun`: whoever did it died at it. */
  result: Outcome['result'] | 'begun' | 'dry'
  line: string
  undo?: Undo
  /** When and how it was taken back. */
  undone?: { at: number; line: string }
}

const FILE_LIMIT_BYTES = 4 << 20
/** Below this much room a run does nothing: its acts could not be told. */
const ROOM_BYTES = 1 << 20

export class Ledger {
  readonly #file: string
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
    this.#file = join(folder, 'ledger.jsonl')
  }

  /** @throws AgentError where the disk has no room for what a run would have to tell */
  checkRoom(): void {
    const { bavail, bsize } = statfsSync(this.#folder)
    if (bavail * bsize >= ROOM_BYTES) return
    throw new AgentError(
      `${this.#folder}: ${bavail * bsize} bytes are free on its disk, and a run needs ${ROOM_BYTES} to tell what it does: nothing was done; make room`,
    )
  }

  /** @throws AgentError */
  add(entry: LedgerEntry): void {
    this.#append(entry)
  }

  /** How an act went that was added before. @throws AgentError */
  close(id: string, { result, line, undo }: Outcome): void {
    this.#append({ id, result, line, ...(undo ? { undo } : {}) })
  }

  /** @throws AgentError */
  undone(id: string, at: number, line: string): void {
    this.#append({ id, undone: { at, line } })
  }

  #append(value: object): void {
    try {
      appendFileSync(this.#file, `${JSON.stringify(value)}\n`, { mode: 0o600 })
      if (statSync(this.#file).size < FILE_LIMIT_BYTES) return
      rmSync(`${this.#file}.1`, { force: true })
      renameSync(this.#file, `${this.#file}.1`)
    } catch (error) {
      throw new AgentError(
        `${this.#file}: ${(error as Error).message}: what cannot be written down is not done; make room`,
      )
    }
  }

  /** Oldest first. Lines that a crash cut are left out. */
  entries(): LedgerEntry[] {
    const found = new Map<string, LedgerEntry>()
    for (const file of [`${this.#file}.1`, this.#file])
      for (const line of linesOf(file)) {
        let value: Partial<LedgerEntry>
        try {
          value = JSON.parse(line) as Partial<LedgerEntry>
        } catch {
          continue
        }
        if (typeof value.id !== 'string') continue
        const before = found.get(value.id)
        if (before) Object.assign(before, value)
        else if (value.run !== undefined) found.set(value.id, value as LedgerEntry)
      }
    return [...found.values()]
  }
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean)
  } catch {
    return []
  }
}
