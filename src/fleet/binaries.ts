import type { ProfileStateName } from '#homeostasis'
import type { DigestBook } from './book.ts'
import { type SketchKey, sketchOf } from './digest.ts'
import type { Package } from './origin/index.ts'
import type { HeldRow } from './placement/inventory.ts'
import { rowOf } from './placement/rows.ts'
import type { Sketch } from './sketch.ts'
import type { Digest } from './types.ts'

/** One program of the fleet: a row of `fleet binaries`. */
export interface FleetBinary {
  binary: string
  hosts: {
    name: string
    peer: string
    sha256: string
    abi: string
    window: number
    state: ProfileStateName
    calls: number
    pairs: number
    lost: number
    buildId?: string
    package?: Package
  }[]
  /** Distinct contents of its file. */
  versions: number
  /** Distinct packages it came with, most hosts first. */
  packages: (Package & { hosts: number })[]
  /** How many hosts' profiles are in each state. */
  states: Record<ProfileStateName, number>
  pairs: { min: number; max: number }
  calls: number
  /**
   * How far apart its profiles are (Jaccard, estimated from sketches): between hosts of one ABI and window, of 24 hosts
   * at most. Absent where fewer than two hosts have a sketch that can be compared.
   */
  spread?: { hosts: number; median: number; most: number }
  /** Hosts that say they have it, and whose digest could not be had: all that is known of it there. */
  missing?: number
}

const spreadHosts = 24

/** Every program that a host has told of, own profiles included; on most hosts first. */
export function binaries(
  book: DigestBook,
  own: { name: string; peer: string; digests: Iterable<Digest> },
  key?: SketchKey,
  rows: Iterable<HeldRow> = [],
): FleetBinary[] {
  const held = new Map<string, { name: string; peer: string; digest: Digest }[]>()
  const add = (host: { name: string; peer: string }, digest: Digest): void => {
    const of = held.get(digest.binary) ?? []
    of.push({ name: host.name, peer: host.peer, digest })
    held.set(digest.binary, of)
  }
  for (const digest of own.digests) add(own, digest)
  for (const one of book.all()) add(one, one.digest)
  const missing = missingOf(book, held, rows)
  const hostsOf = (row: FleetBinary): number =>
    new Set(row.hosts.map(({ peer }) => peer)).size + (row.missing ?? 0)
  return [...held]
    .map(([binary, of]) => ({ ...summary(binary, of, key), ...missing(binary) }))
    .sort((a, b) => hostsOf(b) - hostsOf(a) || (a.binary < b.binary ? -1 : 1))
}

/** A row of an inventory whose digest is not held is one of the program that another's digest gives its name. */
function missingOf(
  book: DigestBook,
  held: ReadonlyMap<string, { digest: Digest }[]>,
  rows: Iterable<HeldRow>,
): (binary: string) => { missing?: number } {
  const names = new Map<string, string>()
  const had = new Set([...book.all()].map(({ peer, id }) => `${peer} ${id}`))
  for (const [binary, of] of held) for (const { digest } of of) names.set(rowOf(digest).id, binary)
  const counts = new Map<string, number>()
  for (const { peer, id } of rows) {
    const binary = names.get(id)
    if (binary !== undefined && !had.has(`${peer} ${id}`)) counts.set(binary, (counts.get(binary) ?? 0) + 1)
  }
  return (binary) => (counts.has(binary) ? { missing: counts.get(binary) as number } : {})
}

function summary(
  binary: string,
  held: { name: string; peer: string; digest: Digest }[],
  key: SketchKey | undefined,
): FleetBinary {
  const states = { learning: 0, frozen: 0, normal: 0 }
  for (const { digest } of held) states[digest.state]++
  const pairs = held.map(({ digest }) => digest.pairs)
  const spread = spreadOf(
    held.map(({ digest }) => digest),
    key,
  )
  return {
    binary,
    hosts: held
      .map(({ name, peer, digest }) => {
        const { sha256, abi, window, state, calls, lost, buildId, package: from } = digest
        const origin = { ...(buildId ? { buildId } : {}), ...(from ? { package: from } : {}) }
        return { name, peer, sha256, abi, window, state, calls, pairs: digest.pairs, lost, ...origin }
      })
      .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)),
    versions: new Set(held.map(({ digest }) => digest.sha256)).size,
    packages: packagesOf(held.map(({ digest }) => digest)),
    states,
    pairs: { min: Math.min(...pairs), max: Math.max(...pairs) },
    calls: held.reduce((sum, { digest }) => sum + digest.calls, 0),
    ...(spread ? { spread } : {}),
  }
}

function packagesOf(digests: readonly Digest[]): FleetBinary['packages'] {
  const found = new Map<string, Package & { hosts: number }>()
  for (const { package: from } of digests) {
    if (!from) continue
    const name = `${from.name} ${from.version}`
    const known = found.get(name)
    if (known) known.hosts++
    else found.set(name, { ...from, hosts: 1 })
  }
  return [...found.values()].sort((a, b) => b.hosts - a.hosts || (a.version < b.version ? -1 : 1))
}

function spreadOf(digests: readonly Digest[], key: SketchKey | undefined): FleetBinary['spread'] {
  const groups = new Map<string, Sketch[]>()
  for (const digest of digests) {
    const sketch = sketchOf(digest, key)
    if (!sketch) continue
    const group = `${digest.abi} ${digest.window}`
    const of = groups.get(group) ?? []
    if (of.length < spreadHosts) of.push(sketch)
    groups.set(group, of)
  }
  const largest = [...groups.values()].sort((a, b) => b.length - a.length)[0] ?? []
  if (largest.length < 2) return undefined
  const distances = largest
    .flatMap((one, place) => largest.slice(place + 1).map((other) => one.compare(other).distance.value))
    .sort((a, b) => a - b)
  const middle = distances[distances.length >> 1] as number
  return { hosts: largest.length, median: middle, most: distances.at(-1) as number }
}
