import { type PairTable, pairCode } from '#homeostasis'
import type { Comparison, Difference } from './types.ts'
import { pairsOfCodes } from './usage.ts'

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

  const comparison: Comparison = {
    binary,
    exact: true,
    hosts: sets.map(({ name, codes }, index) => ({
      name,
      sha256: (hosts[index] as ComparedHost).sha256,
      pairs: codes.size,
    })),
    onlyHere: {},
    lacks: {},
    calls: {},
    distance: {},
    differs: {},
  }
  const others = sets.length - 1
  const callers = new Map<number, number>()
  const callsOf = (codes: Set<number>) => new Set([...codes].map(callIn))
  for (const { codes } of sets)
    for (const call of callsOf(codes)) callers.set(call, (callers.get(call) ?? 0) + 1)
  for (const { name, codes } of sets) {
    comparison.onlyHere[name] = pairsOfCodes([...codes].filter((code) => owners.get(code) === 1))
    comparison.lacks[name] =
      others < 2
        ? []
        : pairsOfCodes([...owners].flatMap(([code, n]) => (n === others && !codes.has(code) ? [code] : [])))
    comparison.calls[name] = [...callsOf(codes)]
      .filter((call) => callers.get(call) === 1)
      .sort((a, b) => a - b)
    if (others > 0) (comparison.differs as NonNullable<Comparison['differs']>)[name] = difference(codes)
    const row: Record<string, number> = {}
    for (const other of sets) row[other.name] = name === other.name ? 0 : jaccard(codes, other.codes)
    comparison.distance[name] = row
  }
  return comparison

  /** Of a pair this host has, those that lack it differ; of one it lacks, those that have it. */
  function difference(codes: Set<number>): Difference {
    let from = 0
    let pairs = 0
    for (const [code, n] of owners) {
      const differing = codes.has(code) ? sets.length - n : n
      if (differing === 0 || differing < from) continue
      pairs = differing === from ? pairs + 1 : 1
      from = differing
    }
    return { from, of: others, pairs }
  }
}

const callIn = (code: number): number => Math.floor(code / (8 * 4096))

/** Jaccard's distance: 1 - |both| / |either|; 0 of two empty sets. */
export function jaccard(a: Set<number>, b: Set<number>): number {
  let both = 0
  const [fewer, more] = a.size < b.size ? [a, b] : [b, a]
  for (const code of fewer) if (more.has(code)) both++
  const either = a.size + b.size - both
  return either === 0 ? 0 : 1 - both / either
}

/** Nothing forbids two members of one name; answers are keyed by it. */
export function distinctNames<Named extends { name: string }>(
  hosts: readonly Named[],
): { name: string; host: Named }[] {
  const used = new Set<string>()
  return hosts.map((host) => {
    let name = host.name
    for (let n = 2; used.has(name); n++) name = `${host.name} (${n})`
    used.add(name)
    return { name, host }
  })
}
