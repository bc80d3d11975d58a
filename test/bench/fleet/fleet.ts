/** Hosts of a replay: processes by host in order of time, profiles, made-up attacks, and drawing with a seed. */
import { FleetProfile } from '#fleet'
import { random } from '../judgement/sets.ts'
import { type HostProcess, pairsOf } from './traces.ts'

export { random }

/** Processes of each host, hosts in order of their first. */
export function byHost(processes: readonly HostProcess[]): Map<string, HostProcess[]> {
  const hosts = new Map<string, HostProcess[]>()
  for (const process of processes) {
    const held = hosts.get(process.host)
    if (held) held.push(process)
    else hosts.set(process.host, [process])
  }
  return hosts
}

/** What a host has learned of some processes, in their order. */
export function learned(processes: readonly HostProcess[], window: number): FleetProfile {
  const profile = new FleetProfile(window)
  for (const process of processes) profile.learn(pairsOf(process, window), process.time)
  return profile
}

/** Distinct items, in the order drawn. */
export function draw<T>(items: readonly T[], count: number, next: () => number): T[] {
  const left = [...items]
  const drawn: T[] = []
  while (drawn.length < count && left.length > 0) {
    const at = Math.floor(next() * left.length)
    drawn.push(left[at]!)
    left[at] = left.at(-1)!
    left.pop()
  }
  return drawn
}

/** Three random calls of the program put into an ordinary process at one place. */
export function inserted(calls: Uint16Array, known: readonly number[], next: () => number): Uint16Array {
  const at = Math.floor(next() * (calls.length + 1))
  const three = [0, 1, 2].map(() => known[Math.floor(next() * known.length)]!)
  return Uint16Array.from([...calls.subarray(0, at), ...three, ...calls.subarray(at)])
}

/** 3 to 24 calls cut out of an ordinary process. */
export function spliced(calls: Uint16Array, next: () => number): Uint16Array {
  const length = Math.min(calls.length, 3 + Math.floor(next() * 22))
  const at = Math.floor(next() * (calls.length - length + 1))
  return Uint16Array.from([...calls.subarray(0, at), ...calls.subarray(at + length)])
}

export const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
export const share = (values: readonly boolean[]): number => mean(values.map(Number))
export const to = (places: number, value: number): number => Number(value.toFixed(places))

/** A table as text: columns as wide as they need be, the first to the left. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const all = [head, ...rows].map((row) => row.map(String))
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)))
  return all
    .map((row) =>
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '),
    )
    .join('\n')
}
