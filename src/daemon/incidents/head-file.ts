/**
 * The journal's head once more, in a small file beside the store, so that the end of the journal can be checked while no
 * daemon runs. It shows a cut by accident, and one by whoever can write the journal alone; who can write both forges both.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
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
    return shape.parse(JSON.parse(readFileSync(headFile(state), 'utf8')))
  } catch {
    return undefined
  }
}
