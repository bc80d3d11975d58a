/**
 * The journal's head once more, in a small file beside the store, so that the end of the journal can be checked while no
 * daemon runs. It shows a cut by accident, and one by whoever can write the journal alone; who can write both forges both.
 */
import { closeSync, constants, openSync, readSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { JournalHead } from '#incidents'
import { stateNames } from '../state-folder.ts'

const shape = z.object({
  seq: z.int().min(0),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  /** When it was written, ms since the epoch. */
  at: z.number(),
})

/** More than any head has. */
const HEAD_BYTES = 256

export type WrittenHead = z.infer<typeof shape>

export const headFile = (state: string): string => join(state, stateNames.journalHead)

/** @throws Error where the disk does not take it */
export function writeHead(state: string, { seq, hash }: JournalHead, at: number): void {
  const file = headFile(state)
  writeFileSync(`${file}.new`, JSON.stringify({ seq, hash, at }), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** Undefined where there is none, or what there is is no head: a crash of the host may leave an empty file. */
export function readHead(state: string): WrittenHead | undefined {
  try {
    // The daemon's user may write there, and root may read it: no link, no pipe, no large file.
    const file = openSync(headFile(state), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const bytes = Buffer.alloc(HEAD_BYTES)
      return shape.parse(JSON.parse(bytes.toString('utf8', 0, readSync(file, bytes))))
    } finally {
      closeSync(file)
    }
  } catch {
    return undefined
  }
}
