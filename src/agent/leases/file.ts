/**
 * Leases on disk, a file each, in a folder of root's: what is being done to a process, until when, and how it is taken
 * back. Written before it is done, so that whoever dies in between has told how.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { ungroup } from '../host/cgroup.ts'
import { endSession } from '../host/mortal.ts'
import { signalProcess } from '../host/pidfd.ts'
import { lives, startTicksOf, statusOf } from '../host/processes.ts'
import { writeWhole } from '../host/whole-file.ts'
import type { Undone } from '../promises/world.ts'

const process_ = { pid: z.int().min(4), startTicks: z.int().min(0) }
const back = z.array(z.strictObject({ ...process_, from: z.string().startsWith('/sys/fs/cgroup') })).max(64)
const group = z.string().regex(/^\/sys\/fs\/cgroup\/.*lymph[-/][0-9a-f]{8}$/)

const shape = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{8}$/),
  what: z.string().max(4096),
  until: z.number(),
  /** The run that took it: until it says that it is through, its death takes the lease back. */
  run: z.strictObject({ pid: z.int(), startTicks: z.int(), over: z.boolean() }),
  /** Of suspended execs: root's list of what nothing is done to, as the run had it. */
  never: z.array(z.string()).max(4096).optional(),
  undo: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('continue'), ...process_ }),
    z.strictObject({ kind: z.literal('thaw'), group, back }),
    z.strictObject({ kind: z.literal('ungroup'), group, back }),
    z.strictObject({ kind: z.literal('renice'), ...process_, nice: z.int().min(-20).max(19) }),
    z.strictObject({ kind: z.literal('release-exec'), ...process_ }),
    z.strictObject({
      kind: z.literal('end'),
      ...process_,
      lastMs: z.number().min(0),
      looksAt: z.strictObject(process_).optional(),
    }),
  ]),
})

export type KeptLease = z.infer<typeof shape>

/** Leases at a time. */
export const LEASES_LIMIT = 256

export const leasesFolder = (agentFolder: string): string => join(agentFolder, 'leases')

export function writeLease(folder: string, lease: KeptLease): KeptLease {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeWhole(join(folder, `${lease.id}.json`), lease)
  return lease
}

export function removeLease(folder: string, id: string): void {
  rmSync(join(folder, `${id}.json`), { force: true })
}

/** What is no lease is left alone: root put it there. */
export function readLeases(folder: string): KeptLease[] {
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch {
    return []
  }
  return names
    .filter((name) => name.endsWith('.json'))
    .slice(0, LEASES_LIMIT * 2)
    .flatMap((name) => {
      try {
        return [shape.parse(JSON.parse(readFileSync(join(folder, name), 'utf8')))]
      } catch {
        return []
      }
    })
}

/** Whether the run that took it died before it was through. */
export function isOrphan({ run }: KeptLease): boolean {
  return !run.over && !lives(run)
}

/** Takes it back: safe to repeat, and for processes that have ended. */
export function takeBack(undo: Undone, setPriority: (pid: number, nice: number) => void): void {
  switch (undo.kind) {
    case 'continue':
      signalProcess(undo, 'SIGCONT')
      return
    case 'thaw':
    case 'ungroup':
      ungroup({ group: undo.group, back: [...undo.back] })
      return
    case 'renice':
      if (startTicksOf(undo.pid) === undo.startTicks)
        try {
          setPriority(undo.pid, undo.nice)
        } catch {
          // It has ended.
        }
      return
    case 'release-exec':
      // The gate reads the folder: who is under no lease that is there goes on.
      return
    case 'end':
      endSession(undo, undo.lastMs)
      // A tracer that is killed may leave it so.
      if (undo.looksAt && statusOf(undo.looksAt.pid) === 'T') signalProcess(undo.looksAt, 'SIGCONT')
      return
  }
}
