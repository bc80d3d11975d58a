/** Who is of a suspended process's line: itself, and what descends from it, but for whom nothing is ever done to. */
import { neverList } from '../host/never.ts'
import type { ProcessName } from '../host/pidfd.ts'
import { allPids, binaryOf, lineOf, startTicksOf } from '../host/processes.ts'
import type { NeverList } from '../promises/world.ts'
import { readLeases } from './file.ts'

export interface ExecLease extends ProcessName {
  id: string
  /** ms since the epoch. */
  until: number
  /** Root's list, as the run had it that took the lease. */
  never: NeverList
}

/** Leases on execs that are not over at `now`. `own`: processes of lymph, by number. */
export function execLeases(folder: string, now: number, own: readonly number[]): ExecLease[] {
  return readLeases(folder).flatMap(({ id, until, undo, never = [] }) =>
    undo.kind === 'release-exec' && until > now
      ? [{ id, until, pid: undo.pid, startTicks: undo.startTicks, never: neverList({ list: never, own }) }]
      : [],
  )
}

function isSpared(pid: number, never: NeverList): boolean {
  return never.why({ pid, binary: binaryOf(pid), name: '' }) !== undefined
}

/** Up from a process: whether one of these leases is met before somebody whom nothing is done to. */
export function isOfLine(pid: number, leases: readonly ExecLease[]): boolean {
  const line = [...lineOf(pid)]
  return leases.some((lease) => {
    const at = line.indexOf(lease.pid)
    if (at < 0 || startTicksOf(lease.pid) !== lease.startTicks) return false
    return !line.slice(0, at + 1).some((one) => isSpared(one, lease.never))
  })
}

/** Down from the process: it and all of its line that live now, parents before children. */
export function lineBelow({ pid, startTicks, never }: ExecLease): ProcessName[] {
  const children = new Map<number, number[]>()
  for (const one of allPids()) {
    const [child, parent] = [...take(lineOf(one), 2)]
    if (child === undefined || parent === undefined) continue
    const siblings = children.get(parent)
    if (siblings) siblings.push(child)
    else children.set(parent, [child])
  }
  const line: ProcessName[] = []
  const seen = new Set<number>()
  if (startTicksOf(pid) !== startTicks) return line
  for (const queue = [pid]; queue.length > 0; ) {
    const one = queue.shift() as number
    const ticks = startTicksOf(one)
    if (ticks === undefined || seen.has(one) || isSpared(one, never)) continue
    seen.add(one)
    line.push({ pid: one, startTicks: ticks })
    queue.push(...(children.get(one) ?? []))
  }
  return line
}

function* take<T>(from: Iterable<T>, most: number): Generator<T> {
  let taken = 0
  for (const one of from) {
    if (taken++ >= most) return
    yield one
  }
}
