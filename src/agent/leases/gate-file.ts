/**
 * What the gate of execs says of itself, in the folder of leases: how it holds them, which leases it enforces, and who
 * waits. A run waits for this word before it calls an act done; whoever comes after a gate continues whom it left.
 */
import { readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { type ProcessName, signalProcess } from '../host/pidfd.ts'
import { startTicksOf } from '../host/processes.ts'
import { writeWhole } from '../host/whole-file.ts'
import { readLeases } from './file.ts'

/** `lsm`: the kernel decides and holds. `fanotify`: it asks about every exec of the host. `none`: neither works. */
export type GateKind = 'lsm' | 'fanotify' | 'none'

const shape = z.strictObject({
  pid: z.int(),
  startTicks: z.int(),
  /** ms since the epoch. */
  at: z.number(),
  how: z.enum(['lsm', 'fanotify', 'none']),
  /** Why it is not a better one; '' for the best. */
  why: z.string(),
  /** Id of the kernel's map of those who wait. */
  map: z.int().optional(),
  /** The leases that are enforced. */
  leases: z.array(z.string()),
})

export type GateWord = z.infer<typeof shape>

const gateFile = (folder: string): string => join(folder, 'gate')
const heldFile = (folder: string, gate: number): string => join(folder, `held.${gate}`)

export function writeGate(folder: string, word: Omit<GateWord, 'pid' | 'startTicks' | 'at'>): void {
  const startTicks = startTicksOf(process.pid) ?? 0
  writeWhole(gateFile(folder), { pid: process.pid, startTicks, at: Date.now(), ...word })
}

export function readGate(folder: string): GateWord | undefined {
  try {
    return shape.parse(JSON.parse(readFileSync(gateFile(folder), 'utf8')))
  } catch {
    return undefined
  }
}

/** The gate says that it is at work. */
export function touchGate(folder: string): void {
  try {
    utimesSync(gateFile(folder), new Date(), new Date())
  } catch {
    // It has said nothing yet.
  }
}

/** How long ago that was, ms. */
export function gateSilentMs(folder: string): number {
  try {
    return Date.now() - statSync(gateFile(folder)).mtimeMs
  } catch {
    return 0
  }
}

export function removeGate(folder: string): void {
  rmSync(gateFile(folder), { force: true })
}

/** Who waits: for whoever comes after this process. */
export function writeHeld(folder: string, held: readonly ProcessName[]): void {
  const file = heldFile(folder, process.pid)
  try {
    if (held.length === 0) rmSync(file, { force: true })
    else writeWhole(file, held)
  } catch {
    // A full disk: the keeper has the kernel's map open as well.
  }
}

const heldShape = z.array(z.strictObject({ pid: z.int().min(4), startTicks: z.int().min(0) })).max(4096)

/** Continues whom gates left waiting that ended without doing so. */
export function continueLeftovers(folder: string): void {
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch {
    return
  }
  for (const name of names) {
    if (!/^held\.\d+$/.test(name)) continue
    const file = join(folder, name)
    try {
      for (const one of heldShape.parse(JSON.parse(readFileSync(file, 'utf8')))) continueExec(folder, one)
    } catch {
      // No such list: nothing is known of who waits.
    }
    rmSync(file, { force: true })
  }
}

/** It makes its exec again. One that a lease of its own keeps stopped stays so: the end of that one continues it. */
export function continueExec(folder: string, { pid, startTicks }: ProcessName): void {
  const stopped = readLeases(folder).some(
    ({ undo }) => undo.kind === 'continue' && undo.pid === pid && undo.startTicks === startTicks,
  )
  if (!stopped) signalProcess({ pid, startTicks }, 'SIGCONT')
}
