import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { dirname } from 'node:path'
import { reason } from './errors.ts'
import type { Draft } from './reading.ts'

/** Journal files looked at, at most: one of the system and one for each user who logs in. */
const limit = 256
/** In the header of a journal file (systemd's JOURNAL_FILE_FORMAT): signature, id of the file, place of the last object. */
const signature = 'LPKSHHRH'
const fileIdAt = 24
const tailAt = 136
const header = Buffer.alloc(tailAt + 8)

/**
 * Bytes that systemd-journald wrote. Its files are made 8 MiB at a time, so their size says nothing; the place of the last
 * object, in the header, moves with every entry.
 */
export class JournalGrowth {
  readonly #folders: readonly string[]
  readonly #tails = new Map<string, { id: string; tail: number }>()
  #seen = false

  /** @param folders where the journals of machines are, each in a folder of its own */
  constructor(folders: readonly string[]) {
    this.#folders = folders
  }

  /** Growth of the journals known at the reading before; undefined where there is none. */
  read(draft: Draft): number | undefined {
    const paths = this.#paths()
    const current = new Set(paths)
    for (const known of this.#tails.keys()) if (!current.has(known)) this.#tails.delete(known)
    let grown: number | undefined
    for (const path of paths) {
      const found = this.#tail(path, draft)
      if (!found) continue
      const before = this.#tails.get(path)
      this.#tails.set(path, found)
      // Another id: rotated, and the rest of the old one is not counted.
      if (before) grown = (grown ?? 0) + (before.id === found.id ? Math.max(0, found.tail - before.tail) : 0)
    }
    if (paths.length > 0) this.#seen = true
    else if (this.#seen)
      draft.problem(
        this.#folders.join(', '),
        `journal in ${this.#folders.join(' or ')}: it was there and is gone: no value for journal; see whether systemd-journald runs`,
      )
    return grown
  }

  /** The journals that are written to: rotated ones have an @ in their name. */
  #paths(): string[] {
    return this.#folders
      .flatMap((folder) => list(folder).map((machine) => `${folder}/${machine}`))
      .flatMap((folder) => list(folder).map((file) => `${folder}/${file}`))
      .filter((path) => path.endsWith('.journal') && !path.slice(path.lastIndexOf('/')).includes('@'))
      .slice(0, limit)
  }

  #tail(path: string, draft: Draft): { id: string; tail: number } | undefined {
    try {
      const file = openSync(path, 'r')
      try {
        const got = readSync(file, header, 0, header.length, 0)
        if (got < header.length || header.toString('latin1', 0, 8) !== signature) {
          draft.unknownForm(path, 'journal', header.toString('latin1', 0, Math.min(8, got)))
          return undefined
        }
        return {
          id: header.toString('hex', fileIdAt, fileIdAt + 16),
          tail: Number(header.readBigUInt64LE(tailAt)),
        }
      } finally {
        closeSync(file)
      }
    } catch (error) {
      const why = reason(error)
      const folder = dirname(path)
      // One line a folder: there may be a journal for each user.
      if (why !== 'ENOENT' && !draft.problems.some(({ about }) => about === folder))
        draft.problem(
          folder,
          `journals in ${folder}: cannot be read (${why}): they do not count in journal; put the daemon's user into the group systemd-journal`,
        )
      return undefined
    }
  }
}

/** Entries of a folder; none of one that is not there or may not be listed. */
function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
