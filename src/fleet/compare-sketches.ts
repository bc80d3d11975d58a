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
  const count = hosts.length
  const matrix = new Float64Array(count * count)
  let error = 0
  for (let place = 0; place < count; place++) {
    const one = hosts[place] as SketchedHost
    for (let next = place + 1; next < count; next++) {
      const other = hosts[next] as SketchedHost
      const held = one.own ?? other.own
      const estimate = held
        ? (one.own ? other : one).sketch.compareOwn(held)
        : one.sketch.compare(other.sketch)
      const { value } = estimate.distance
      matrix[place * count + next] = value
      matrix[next * count + place] = value
      error = Math.max(error, estimate.distance.error)
    }
  }
  const distance: Comparison['distance'] = {}
  for (const [place, { name }] of hosts.entries())
    distance[name] = Object.fromEntries(
      hosts.map((other, next) => [other.name, matrix[place * count + next] as number]),
    )
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
