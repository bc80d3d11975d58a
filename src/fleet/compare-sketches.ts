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
 * How one binary behaves on several hosts, of one ABI and window, by their sketches alone: distances are estimates, and
 * `error` is the largest standard error of any. Only the host whose pairs are here can be told which of them no other has: those it
 * is told of are certain, some may be missing. O(hosts^2): 1,000 hosts take under a second.
 */
export function compareSketches(binary: string, hosts: readonly SketchedHost[]): Comparison {
  const distance: Comparison['distance'] = {}
  let error = 0
  for (const { name } of hosts) distance[name] = { [name]: 0 }
  for (let place = 0; place < hosts.length; place++) {
    const one = hosts[place] as SketchedHost
    const row = distance[one.name] as Record<string, number>
    for (let next = place + 1; next < hosts.length; next++) {
      const other = hosts[next] as SketchedHost
      const held = one.own ?? other.own
      const estimate = held
        ? (one.own ? other : one).sketch.compareOwn(held)
        : one.sketch.compare(other.sketch)
      const { value } = estimate.distance
      row[other.name] = value
      ;(distance[other.name] as Record<string, number>)[one.name] = value
      error = Math.max(error, estimate.distance.error)
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
}
