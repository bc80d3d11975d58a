/** Restarts within the last hour, by program: a program that ends as soon as it is started is not started for ever. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { writeWhole } from '../../host/whole-file.ts'

const HOUR_MS = 3_600_000
const PROGRAMS_LIMIT = 1000
const shape = z.record(z.string(), z.array(z.number()))

const fileIn = (folder: string) => join(folder, 'restarts.json')

export function restartsOf(folder: string, argv: readonly string[], now: number): number[] {
  return (readAll(folder)[keyOf(argv)] ?? []).filter((at) => at > now - HOUR_MS && at <= now)
}

/** @throws Error where the disk does not take it: then nothing is restarted, or it would not be counted */
export function countRestart(folder: string, argv: readonly string[], now: number): void {
  const all = readAll(folder)
  const key = keyOf(argv)
  const recent = Object.entries({ ...all, [key]: [...(all[key] ?? []), now] })
    .map(([name, times]) => [name, times.filter((at) => at > now - HOUR_MS)] as const)
    .filter(([, times]) => times.length > 0)
    .slice(-PROGRAMS_LIMIT)
  writeWhole(fileIn(folder), Object.fromEntries(recent))
}

const keyOf = (argv: readonly string[]): string => argv.join('\0')

function readAll(folder: string): Record<string, number[]> {
  try {
    return shape.parse(JSON.parse(readFileSync(fileIn(folder), 'utf8')))
  } catch {
    return {}
  }
}
