import { Level } from 'level'
import { StoreError } from './errors.ts'
import type { KeyValueOperation } from './interface.ts'
import { freeBytes, noSpaceError, storeErrorFrom } from './space.ts'

export type Database = Level<string, Uint8Array>

export function database(location: string): Database {
  return new Level<string, Uint8Array>(location, { keyEncoding: 'utf8', valueEncoding: 'view' })
}

/** LevelDB makes a table of its log (4 MiB and the last batch) as it opens; without room for that it stays closed. */
const reopenBytes = 6 * 1024 * 1024

export interface Range {
  gte?: string
  gt?: string
  lt?: string
  reverse?: boolean
  limit?: number
}

/**
 * LevelDB with the store's errors, which survives a full disk: after a failed write LevelDB's log is of unknown
 * state (and after some it refuses every further write), so the next write closes and opens it again first, which
 * keeps all that was acknowledged. That waits until there is room: opening on a full disk would cost the reads too.
 */
export class Engine {
  readonly #database: Database
  readonly #folder: string
  readonly #reserveBytes: number
  #failure: StoreError | undefined
  /** LevelDB itself failed to write. */
  #hurt = false
  /** No need to ask how much room there is before this, by the monotonic clock. */
  #roomUntil = 0
  #closed = false
  /** Counts reopenings: an iterator of an earlier one must start again. */
  #generation = 0
  #reopening: Promise<void> | undefined

  /** `database` is open. Writes are refused while fewer than `reserveBytes` are free, before LevelDB is hurt. */
  constructor(open: Database, folder: string, reserveBytes: number) {
    this.#database = open
    this.#folder = folder
    this.#reserveBytes = reserveBytes
  }

  /** Why the last write failed; undefined once one has succeeded. */
  get failure(): StoreError | undefined {
    return this.#failure
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    await this.#ready()
    try {
      // Typed as never undefined by the package `level`; classic-level does answer undefined for what is not there.
      return (await this.#database.get(key)) as Uint8Array | undefined
    } catch (error) {
      throw await storeErrorFrom('cannot read', this.#folder, error)
    }
  }

  /** All or nothing; with `sync`, on the disk when it resolves. */
  async write(operations: KeyValueOperation[], sync: boolean): Promise<void> {
    if (operations.length === 0) return
    await this.#ready()
    try {
      await this.#needRoom()
      if (this.#hurt) await this.#reopen()
      await this.#batch(operations, sync)
      this.#failure = undefined
    } catch (error) {
      this.#failure = await storeErrorFrom('cannot save', this.#folder, error)
      throw this.#failure
    }
  }

  /** Entries in order of keys, as they were when it began. */
  async *entries(range: Range): AsyncGenerator<[string, Uint8Array]> {
    let left = range.limit ?? Number.POSITIVE_INFINITY
    let bounds = range
    while (left > 0) {
      await this.#ready()
      const generation = this.#generation
      const { limit: _, ...rest } = bounds
      try {
        for await (const [key, value] of this.#database.iterator(rest)) {
          yield [key, value]
          bounds = range.reverse ? { ...bounds, lt: key } : { ...withoutGte(bounds), gt: key }
          if (--left <= 0) return
        }
        return
      } catch (error) {
        // Closed under us by a reopening: go on behind the last entry.
        if (generation === this.#generation || this.#closed)
          throw await storeErrorFrom('cannot read', this.#folder, error)
      }
    }
  }

  /** Gives back the room of values that were written over or deleted; LevelDB by itself takes its time. */
  async compact({ gte, lt }: { gte: string; lt: string }): Promise<void> {
    await this.#ready()
    try {
      // Classic-level's own, which the type of `level` (a browser's too) does not have.
      await (
        this.#database as { compactRange?: (start: string, end: string) => Promise<void> }
      ).compactRange?.(gte, lt)
    } catch (error) {
      throw await storeErrorFrom('cannot tidy up', this.#folder, error)
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#reopening?.catch(() => undefined)
    await this.#database.close()
  }

  async #ready(): Promise<void> {
    if (this.#closed)
      throw new StoreError('closed', this.#folder, `the store in ${this.#folder} has been closed`)
    await this.#reopening
    // A reopening that failed left it closed: whoever comes next tries again.
    if (this.#database.status !== 'open') await this.#reopen()
  }

  async #batch(operations: KeyValueOperation[], sync: boolean): Promise<void> {
    try {
      await this.#database.batch(operations, { sync })
    } catch (error) {
      this.#hurt = true
      throw error
    }
  }

  async #needRoom(): Promise<void> {
    if (!this.#hurt && performance.now() < this.#roomUntil) return
    const free = await freeBytes(this.#folder)
    const needed = this.#hurt ? Math.max(this.#reserveBytes, reopenBytes) : this.#reserveBytes
    if (free !== undefined && free < needed)
      throw await noSpaceError('cannot save', this.#folder, undefined, needed)
    // Asking costs more than a write: with room for many it is good for a moment.
    if (free !== undefined && free > 16 * needed + reopenBytes) this.#roomUntil = performance.now() + 250
  }

  #reopen(): Promise<void> {
    this.#reopening ??= this.#openAgain().finally(() => {
      this.#reopening = undefined
    })
    return this.#reopening
  }

  async #openAgain(): Promise<void> {
    this.#generation++
    try {
      await this.#database.close()
      await this.#database.open()
      this.#hurt = false
    } catch (error) {
      throw await storeErrorFrom('cannot open again', this.#folder, error)
    }
  }
}

function withoutGte({ gte: _, ...bounds }: Range): Range {
  return bounds
}
