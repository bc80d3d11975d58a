/** The little of /proc that the sensor and its supervisor read of other processes. */
import { readdirSync, readFileSync } from 'node:fs'

export interface ProcessStat {
  /** R, S, D, T, t, Z ... */
  state: string
  parent: number
  group: number
  /** In clock ticks since boot: with the pid, the name of a process. */
  startTicks: number
}

/** Undefined when there is no such process. */
export function processStat(pid: number): ProcessStat | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  // The name is in parentheses and may hold any character, spaces and parentheses too.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return {
    state: fields[0] as string,
    parent: Number(fields[1]),
    group: Number(fields[2]),
    startTicks: Number(fields[19]),
  }
}

/** USER_HZ is 100 on every architecture lymph runs on. */
export function ticksOf(nanosecondsSinceBoot: number): number {
  return Math.floor(nanosecondsSinceBoot / 1e7)
}

export function allProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

/** CPUs the kernel may ever use: `/sys/devices/system/cpu/possible` is a list such as 0-3,8-11. */
export function possibleCpus(): number {
  const text = readFileSync('/sys/devices/system/cpu/possible', 'latin1').trim()
  const last = text.split(/[,-]/).map(Number)
  return Math.max(...last) + 1
}

/** st_dev as the kernel has it inside (major << 20 | minor), from the encoding stat(2) answers. */
export function kernelDevice(device: bigint): number {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn)
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n)
  return Number((major << 20n) | minor)
}
