import { EMPTY, OUT_OF_RANGE, type Pair, type PairTable, pairCode } from '#homeostasis'
import { type Abi, callName } from '#syscalls'
import type { Comparison } from './types.ts'

export interface ComparedHost {
  name: string
  sha256: string
  /** Pairs in force: `tableInForce` of its profile. */
  table: Pick<PairTable, 'entries' | 'pairs'>
}

/**
 * How one binary behaves on several hosts, of one ABI and window. Distances are Jaccard's of the pair sets; two empty
 * profiles are 0 apart. O(hosts * pairs) for what is only on one host, O(hosts^2 * pairs) for the distances.
 */
export function compare(binary: string, hosts: readonly ComparedHost[]): Comparison {
  const sets = distinctNames(hosts).map(({ name, host }) => {
    const codes = new Set<number>()
    for (const { current, previous, distance } of host.table.entries())
      codes.add(pairCode(current, previous, distance))
    return { name, codes }
  })
  const owners = new Map<number, number>()
  for (const { codes } of sets) for (const code of codes) owners.set(code, (owners.get(code) ?? 0) + 1)

  const onlyHere: Comparison['onlyHere'] = {}
  const distance: Comparison['distance'] = {}
  for (const one of sets) {
    onlyHere[one.name] = [...one.codes]
      .filter((code) => owners.get(code) === 1)
      .sort((a, b) => a - b)
      .map(pairOf)
    const row: Record<string, number> = {}
    for (const other of sets) row[other.name] = one === other ? 0 : jaccard(one.codes, other.codes)
    distance[one.name] = row
  }
  return {
    binary,
    hosts: sets.map(({ name, codes }, index) => ({
      name,
      sha256: (hosts[index] as ComparedHost).sha256,
      pairs: codes.size,
    })),
    onlyHere,
    distance,
  }
}

/** 1 - |both| / |either| */
function jaccard(a: Set<number>, b: Set<number>): number {
  let both = 0
  const [fewer, more] = a.size < b.size ? [a, b] : [b, a]
  for (const code of fewer) if (more.has(code)) both++
  const either = a.size + b.size - both
  return either === 0 ? 0 : 1 - both / either
}

/** `pairCode` undone. */
function pairOf(code: number): Pair {
  const calls = Math.floor(code / 8)
  return { current: Math.floor(calls / 4096), previous: calls % 4096, distance: (code % 8) + 1 }
}

/** Nothing forbids two members of one name; answers are keyed by it. */
function distinctNames(hosts: readonly ComparedHost[]): { name: string; host: ComparedHost }[] {
  const used = new Set<string>()
  return hosts.map((host) => {
    let name = host.name
    for (let n = 2; used.has(name); n++) name = `${host.name} (${n})`
    used.add(name)
    return { name, host }
  })
}

/** Pairs shown of one host; the rest is counted. */
const shownPairs = 40

/** The comparison as text, calls by their names. */
export function comparisonText(comparison: Comparison, abi: Abi): string {
  const { binary, hosts, onlyHere, distance } = comparison
  const nameOf = (call: number): string =>
    call === EMPTY ? '(start)' : call === OUT_OF_RANGE ? '(other)' : callName(abi, call)
  const lines = [`${binary} on ${hosts.length} hosts`]
  for (const { name, sha256, pairs } of hosts) {
    const others = hosts.filter((other) => other.name !== name)
    const apart = others.map(
      (other) => `${(distance[name]?.[other.name] ?? 0).toFixed(3)} from ${other.name}`,
    )
    lines.push(
      `${name}: ${pairs} pairs, file ${sha256.slice(0, 12) || 'not known'}; ${apart.join(', ') || 'alone'}`,
    )
  }
  for (const { name } of hosts) {
    const only = onlyHere[name] ?? []
    if (only.length === 0) continue
    lines.push(`only on ${name}: ${only.length} pairs`)
    for (const pair of only.slice(0, shownPairs))
      lines.push(`  ${nameOf(pair.current)} ${pair.distance} after ${nameOf(pair.previous)}`)
    if (only.length > shownPairs) lines.push(`  and ${only.length - shownPairs} more`)
  }
  return lines.join('\n')
}
