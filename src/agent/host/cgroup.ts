/**
 * Control groups for one process: frozen under its own group (cgroup v2), so that services keep track of it, or with a
 * share of the CPU (v2's cpu.max, or v1's quota). Taken back by moving it where it was.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { startTicksOf } from './processes.ts'

/** Where a process was before: `from` is a folder. */
export interface Moved {
  pid: number
  startTicks: number
  from: string
}

export interface Grouped {
  /** The folder made for it. */
  group: string
  back: Moved[]
}

const unified = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].find((root) =>
  existsSync(join(root, 'cgroup.controllers')),
)
const cpuV1 = ['/sys/fs/cgroup/cpu', '/sys/fs/cgroup/cpu,cpuacct'].find((root) =>
  existsSync(join(root, 'cpu.cfs_quota_us')),
)

export const canFreeze = unified !== undefined

/** How the name of a frozen group begins. */
const FROZEN = 'lymph-'

/** Folder of a process's group; `controllers` '' is v2's line of /proc/PID/cgroup. */
function groupOf(pid: number, root: string, controller: string): string {
  const line = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
    .split('\n')
    .find((one) =>
      controller === '' ? one.startsWith('0::') : (one.split(':')[1] ?? '').split(',').includes(controller),
    )
  return join(root, line?.split(':').slice(2).join(':') ?? '/')
}

/**
 * @param before the group it was in before its share of the CPU was limited. It is frozen under that one, not under the
 * group of the limit, which may end first
 * @throws Error where there is no cgroup v2, or the kernel refuses
 */
export function planFreeze(pid: number, startTicks: number, id: string, before?: string): Grouped {
  if (!unified) throw new Error('this host has no cgroup v2 hierarchy')
  const from = groupOf(pid, unified, '')
  const under = dirname(from) === join(unified, 'lymph') ? (before ?? from) : from
  return { group: join(under, `${FROZEN}${id}`), back: [{ pid, startTicks, from }] }
}

export function freeze({ group, back }: Grouped): void {
  mkdirSync(group, { recursive: true })
  for (const { pid, startTicks } of back) {
    if (startTicksOf(pid) !== startTicks) throw new Error(`process ${pid} has ended`)
    writeFileSync(join(group, 'cgroup.procs'), String(pid))
  }
  writeFileSync(join(group, 'cgroup.freeze'), '1')
}

/** @throws Error where neither version of the CPU controller is to be had */
export function planCpu(pid: number, startTicks: number, id: string): Grouped {
  if (unified && has(join(unified, 'cgroup.controllers'), 'cpu')) {
    const from = groupOf(pid, unified, '')
    // Moved out of that group it would run.
    if (basename(from).startsWith(FROZEN)) throw new Error('it is frozen: it uses no CPU until it is thawed')
    return { group: join(unified, 'lymph', id), back: [{ pid, startTicks, from }] }
  }
  if (cpuV1) {
    const from = groupOf(pid, cpuV1, 'cpu')
    return { group: join(cpuV1, 'lymph', id), back: [{ pid, startTicks, from }] }
  }
  throw new Error('this host has no CPU controller for control groups')
}

const PERIOD_US = 100_000

export function limitCpu({ group, back }: Grouped, percent: number): void {
  const quota = Math.max(1000, Math.round((PERIOD_US * percent) / 100))
  if (unified && group.startsWith(join(unified, 'lymph'))) {
    writeFileSync(join(unified, 'cgroup.subtree_control'), '+cpu')
    mkdirSync(join(unified, 'lymph'), { recursive: true })
    writeFileSync(join(unified, 'lymph', 'cgroup.subtree_control'), '+cpu')
    mkdirSync(group, { recursive: true })
    writeFileSync(join(group, 'cpu.max'), `${quota} ${PERIOD_US}`)
  } else {
    mkdirSync(group, { recursive: true })
    writeFileSync(join(group, 'cpu.cfs_period_us'), String(PERIOD_US))
    writeFileSync(join(group, 'cpu.cfs_quota_us'), String(quota))
  }
  for (const { pid, startTicks } of back) {
    if (startTicksOf(pid) !== startTicks) throw new Error(`process ${pid} has ended`)
    writeFileSync(join(group, 'cgroup.procs'), String(pid))
  }
}

/** Takes either back; safe to repeat, and for a process that has ended. */
export function ungroup({ group, back }: Grouped): void {
  if (!existsSync(group)) return
  // First of all: whatever comes of the moves, nobody stays held.
  for (const [limit, none] of [
    ['cgroup.freeze', '0'],
    ['cpu.max', 'max'],
    ['cpu.cfs_quota_us', '-1'],
  ] as const)
    if (existsSync(join(group, limit))) write(join(group, limit), none)
  // Children it had meanwhile go where it goes.
  const homeOf = (pid: number) =>
    back.find((one) => one.pid === pid && startTicksOf(pid) === one.startTicks)?.from ?? back[0]?.from
  for (let attempt = 0; attempt < 50; attempt++) {
    for (const pid of members(group)) moveHome(pid, group, homeOf(pid))
    try {
      rmdirSync(group)
      return
    } catch {
      // A member that is ending holds it for a moment, and one may have forked.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
    }
  }
}

function members(group: string): number[] {
  try {
    return readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

/**
 * To the group it came from; is that gone, to the root, and not to a group between: one that hands controllers down must
 * hold no process (the kernel may let it in, and make of the group one that no other process can enter any more).
 */
function moveHome(pid: number, group: string, from: string | undefined): void {
  if (from === undefined) return
  const v1 = cpuV1 !== undefined && group.startsWith(`${cpuV1}/`)
  // A frozen group lies under the one it is to go home to, whatever it came from.
  const places = [from, ...(basename(group).startsWith(FROZEN) ? [dirname(group)] : []), v1 ? cpuV1 : unified]
  for (const place of places)
    if (place !== undefined && write(join(place, 'cgroup.procs'), String(pid))) return
}

/** False: the kernel refuses, or there is no such file. */
function write(file: string, text: string): boolean {
  try {
    writeFileSync(file, text, { flag: 'r+' })
    return true
  } catch {
    return false
  }
}

function has(file: string, word: string): boolean {
  try {
    return readFileSync(file, 'utf8').trim().split(/\s+/).includes(word)
  } catch {
    return false
  }
}
