/** Where each binary stands on the ladder, between runs: a file of root's in the agent's folder. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { writeWhole } from '../host/whole-file.ts'
import { type Climb, rungs } from './ladder.ts'

const shape = z.record(z.string(), z.object({ rung: z.enum(rungs), since: z.number(), seenAt: z.number() }))

/** Binaries remembered; those that were quiet longest are forgotten. */
const CLIMBS_LIMIT = 1000

const fileIn = (folder: string) => join(folder, 'ladder.json')

/** What cannot be read is none: everybody starts at the bottom. */
export function readClimbs(folder: string): Map<string, Climb> {
  try {
    return new Map(Object.entries(shape.parse(JSON.parse(readFileSync(fileIn(folder), 'utf8')))))
  } catch {
    return new Map()
  }
}

/** @throws Error where the disk does not take it */
export function writeClimb(folder: string, binary: string, climb: Climb): void {
  const climbs = readClimbs(folder)
  climbs.set(binary, climb)
  const kept = [...climbs].sort(([, a], [, b]) => b.seenAt - a.seenAt).slice(0, CLIMBS_LIMIT)
  writeWhole(fileIn(folder), Object.fromEntries(kept))
}
