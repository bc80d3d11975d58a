import type { HashedPairs } from './pair-hash.ts'
import type { Sketch } from './sketch.ts'
import type { Comparison } from './types.ts'
import { pairsOfCodes } from './usage.ts'

/** A host by what its digest says. */
export interface SketchedHost {
  name: string
  sha256: string
  pairs: number
  sketch: Sketch
  /** Of this host alone: the pairs themselves. */
  own?: HashedPairs
}

/**
 * How one binary behaves on several hosts, of one ABI and window, by their sketches alone: distances are estimates with
 * `error` one standard error each. Only the host whose pairs are here can be told which of them no other has: those it
 * is told of are certain, some may be missing. O(hosts^2): 1,000 hosts take under a second.
 */
export function compareSketches(binary: string, hosts: readonly SketchedHost[]): Comparison {
  const distance: Comparison['distance'] = {}
  const error: NonNullable<Comparison['error']> = {}
  for (const { name } of hosts) {
    distance[name] = {}
    error[name] = {}
  }
  for (const [place, one] of hosts.entries()) {
    set(one.name, one.name, 0, 0)
    for (const other of hosts.slice(place + 1)) {
      const [held, there] = one.own || !other.own ? [one, other] : [other, one]
      const estimate = held.own ? there.sketch.compareOwn(held.own) : one.sketch.compare(other.sketch)
      set(one.name, other.name, estimate.distance.value, estimate.distance.error)
      set(other.name, one.name, estimate.distance.value, estimate.distance.error)
    }
  }
  const onlyHere: Comparison['onlyHere'] = {}
  for (const one of hosts) {
    const { own } = one
    if (!own) continue
    const others = hosts.filter((other) => other !== one)
    const only = Array.from(own.codes).filter((_, place) =>
      others.every(({ sketch }) => !sketch.hasHashed(own, place)),
    )
    onlyHere[one.name] = others.length > 0 ? pairsOfCodes(only) : []
  }
  return {
    binary,
    exact: false,
    hosts: hosts.map(({ name, sha256, pairs }) => ({ name, sha256, pairs })),
    onlyHere,
    lacks: {},
    calls: {},
    distance,
    error,
  }

  function set(one: string, other: string, value: number, of: number): void {
    ;(distance[one] as Record<string, number>)[other] = value
    ;(error[one] as Record<string, number>)[other] = of
  }
}
