/** The processes of this host, as the promises select them (proc(5)). */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import type { ProcessFacts } from '../promises/processes/filter.ts'

/** USER_HZ is 100 on every architecture lymph runs on. */
const MS_PER_TICK = 10
const PAGE_BYTES = 4096

/** Undefined when there is no such process. */
export function startTicksOf(pid: number): number | undefined {
  const fields = statFields(pid)
  return fields ? Number(fields[19]) : undefined
}

/** Whether it is there and runs: of one that was killed and that its parent has not looked at yet only the number is left. */
export function lives({ pid, startTicks }: { pid: number; startTicks: number }): boolean {
  const fields = statFields(pid)
  return fields !== undefined && Number(fields[19]) === startTicks && fields[0] !== 'Z' && fields[0] !== 'X'
}

/** Numbers of all processes there are now. */
export const allPids = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)

/** Deepest line of ancestors looked at: a loop in what /proc says must not be one here. */
const ANCESTORS_LIMIT = 64

/** The process itself, who started it, and so on up to, and without, init. Read as far as it is asked for. */
export function* lineOf(pid: number): Generator<number> {
  for (let at = pid, left = ANCESTORS_LIMIT; at > 1 && left >= 0; left--) {
    yield at
    at = Number(statFields(at)?.[1] ?? 0)
  }
}

/** Its session, its start and its state; nothing when there is no such process. */
export function sessionOf(pid: number): { session?: number; startTicks?: number; status?: string } {
  const fields = statFields(pid)
  return fields
    ? { session: Number(fields[3]), startTicks: Number(fields[19]), status: fields[0] as string }
    : {}
}

/** T or t: stopped; undefined when there is no such process. */
export function statusOf(pid: number): string | undefined {
  return statFields(pid)?.[0]
}

/** Fields of /proc/PID/stat from the third, the state, on. The name before them may hold anything. */
function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}

/** Time of boot, ms since the epoch, to a second. */
export function bootTime(): number {
  const seconds = /^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1]
  return Number(seconds) * 1000
}

/** Names of users by number. */
export function userNames(): Map<number, string> {
  const names = new Map<number, string>()
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [name, , uid] = line.split(':')
    if (name && uid && !names.has(Number(uid))) names.set(Number(uid), name)
  }
  return names
}

export function processFacts(
  pid: number,
  boot: number,
  users: ReadonlyMap<number, string>,
): ProcessFacts | undefined {
  const fields = statFields(pid)
  if (!fields) return undefined
  try {
    const { uid } = statSync(`/proc/${pid}`)
    const startTicks = Number(fields[19])
    return {
      pid,
      startTicks,
      startedAt: boot + startTicks * MS_PER_TICK,
      parent: Number(fields[1]),
      group: Number(fields[2]),
      status: fields[0] as string,
      name: readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd(),
      binary: binaryOf(pid),
      command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trimEnd(),
      uid,
      owner: users.get(uid) ?? String(uid),
      residentBytes: Number(fields[21]) * PAGE_BYTES,
      virtualBytes: Number(fields[20]),
      cpuMs: (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK,
      threads: Number(fields[17]),
      nice: Number(fields[16]),
      tty: fields[4] !== '0',
    }
  } catch {
    // It ended while it was looked at.
    return undefined
  }
}

/** '' for a kernel thread. A file that was replaced while it ran keeps its name. */
export function binaryOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '')
  } catch {
    return ''
  }
}

/** Every process with a program; kernel threads have none, and zombies run none. */
export function allProcesses(): ProcessFacts[] {
  const boot = bootTime()
  const users = userNames()
  return allPids()
    .map((pid) => processFacts(pid, boot, users))
    .filter((facts) => facts !== undefined)
    .filter(({ binary, status }) => binary !== '' && status !== 'Z' && status !== 'X')
}
