/** One binary on several hosts: from the digests held, or from their bodies, fetched and verified. */
import { subjectOf } from '#classes'
import {
  type Comparison,
  codesOf,
  compare,
  compareSketches,
  type Digest,
  distinctNames,
  FleetError,
  type HeldDigest,
  type SketchedHost,
  sketchOf,
  type VerifiedProfile,
} from '#fleet'
import { decodeProfile, type ProfileRecord, tableInForce } from '#homeostasis'
import type { Abi } from '#syscalls'
import { DaemonError } from '../errors.ts'
import { gatherFor, type LeftOut, peersOf } from './gather.ts'
import type { FleetHost } from './host.ts'
import type { OwnFleet } from './own.ts'

/** Bodies are fetched without being asked for from so many hosts at most. */
const fetchedByDefault = 16
/** Of more than this, those whose digests were made last. */
const comparedLimit = 1000

export type FleetComparison = Comparison & { abi?: Abi; refused: LeftOut[] }

export interface Gathered {
  binary: string
  own: ProfileRecord | undefined
  profiles: VerifiedProfile[]
  refused: LeftOut[]
}

export class FleetComparer {
  readonly #host: FleetHost
  readonly #own: OwnFleet

  constructor(host: FleetHost, own: OwnFleet) {
    this.#host = host
    this.#own = own
  }

  /**
   * @param names members; none: all whose digests tell of the binary
   * @param exact whether to fetch bodies; undefined: of up to 16 hosts, or of hosts that were named
   */
  async compare(binary: string, names: string[], exact?: boolean): Promise<FleetComparison> {
    const { own, path, leftOut } = await this.#ownProfile(binary, names)
    const few = this.#holders(path, names).length <= fetchedByDefault
    if (exact ?? (few || names.length > 0)) return this.#exactly(path, own, names, leftOut)
    return this.#bySketches(path, own, names, leftOut)
  }

  /** Verified bodies of a binary from the members named, or all that have it, with this host's own profile. */
  async gather(binary: string, names: string[] = [], limit = comparedLimit): Promise<Gathered> {
    const { own, path, leftOut } = await this.#ownProfile(binary, names)
    return this.#gather(path, own, names, limit, leftOut)
  }

  async #exactly(
    path: string,
    own: ProfileRecord | undefined,
    names: string[],
    leftOut: LeftOut[],
  ): Promise<FleetComparison> {
    const { profiles, refused } = await this.#gather(path, own, names, comparedLimit, leftOut)
    const hosts = profiles.map(({ name, profile }) => ({
      name,
      sha256: profile.key.sha256,
      table: tableInForce(profile),
    }))
    const { meshName } = this.#host
    if (own) hosts.unshift({ name: meshName, sha256: own.key.sha256, table: tableInForce(own) })
    if (hosts.length === 0) throw this.#nobody(path, refused)
    const abi = own?.key.abi ?? profiles[0]?.profile.key.abi
    return { ...compare(path, hosts), ...(abi ? { abi } : {}), refused }
  }

  async #gather(
    path: string,
    own: ProfileRecord | undefined,
    names: string[],
    limit: number,
    leftOut: LeftOut[],
  ): Promise<Gathered> {
    const { mesh } = this.#host
    if (!mesh.exchange) throw new DaemonError('this host is in no mesh: there is nobody to compare with')
    const { key, held, refused } = this.#comparable(path, own, names)
    const unheld = names.length === 0 ? [] : this.#holders(path, names).filter((one) => !known(one, held))
    const from = [...held.map(({ peer, name }) => ({ peer, name })), ...unheld].filter(
      (one) => !known(one, refused),
    )
    const query = { binary: path, ...key }
    const fetched = await mesh.exchange.fetchAll(from.slice(0, limit), query)
    const named = new Map(from.map(({ peer, name }) => [peer, name]))
    return {
      binary: path,
      own,
      profiles: fetched.profiles,
      refused: [
        ...refused,
        ...leftOut.filter((one) => !known(one, from)),
        ...fetched.refused.map(({ peer, message }) => ({
          name: named.get(peer) ?? peer,
          peer,
          reason: message,
        })),
      ],
    }
  }

  async #bySketches(
    path: string,
    own: ProfileRecord | undefined,
    names: string[],
    leftOut: LeftOut[],
  ): Promise<FleetComparison> {
    const key = this.#own.sketchKey
    const { held, refused, abi } = this.#comparable(path, own, names)
    const hosts: SketchedHost[] = []
    for (const { name, peer, digest } of held) {
      const sketch = sketchOf(digest, key)
      if (sketch) hosts.push({ name, sha256: digest.sha256, pairs: digest.pairs, sketch })
      else
        refused.push({
          name,
          peer,
          reason: digest.sketch
            ? `${name}: its sketch is made with another secret of the mesh; it tells anew within minutes`
            : `${name}: its digest has no sketch`,
        })
    }
    if (own && key) {
      const hashed = key.hash.hash(codesOf(tableInForce(own)))
      const digest = this.#own.digestFrom(own)
      const sketch = sketchOf(digest, key)
      const { meshName: name } = this.#host
      if (sketch) hosts.unshift({ name, sha256: own.key.sha256, pairs: digest.pairs, sketch, own: hashed })
    }
    if (hosts.length === 0) throw this.#nobody(path, refused)
    const distinct = distinctNames(hosts).map(({ name, host }) => ({ ...host, name }))
    return {
      ...compareSketches(path, distinct),
      ...(abi ? { abi } : {}),
      refused: [...refused, ...leftOut.filter((one) => !known(one, held))],
    }
  }

  /**
   * The digests that can be compared with one another: of this host's ABI and window, or where it has no such profile
   * of those that most have. The others are refused, counted and named.
   */
  #comparable(
    path: string,
    own: ProfileRecord | undefined,
    names: string[],
  ): { key: { abi?: Abi; window?: number }; abi: Abi | undefined; held: HeldDigest[]; refused: LeftOut[] } {
    const wanted = new Set(this.#holders(path, names).map(({ peer }) => peer))
    const all = this.#host.mesh.digests
      .of(path)
      .filter(({ peer }) => wanted.has(peer))
      .sort((a, b) => b.digest.made - a.digest.made)
    const abi = own?.key.abi ?? most(all.map(({ digest }) => digest.abi))
    const window = own?.key.window ?? most(all.map(({ digest }) => digest.window))
    const held = new Map<string, HeldDigest>()
    for (const one of all)
      if (fits(one.digest, abi, window) && (held.get(one.peer)?.digest.calls ?? -1) < one.digest.calls)
        held.set(one.peer, one)
    const refused: LeftOut[] = []
    for (const { peer, name, digest } of all) {
      if (held.has(peer) || known({ peer }, refused)) continue
      const [reason, what] =
        digest.abi === abi
          ? (['other-window', `window ${digest.window}, and ${window} is compared`] as const)
          : (['other-abi', `ABI ${digest.abi}, and ${abi} is compared`] as const)
      const error = new FleetError(reason, peer, `${name}: its profile of ${path} is of ${what}`)
      this.#host.mesh.refusals.add(error)
      refused.push({ name, peer, reason: error.message })
    }
    const key = { ...(abi ? { abi } : {}), ...(window ? { window } : {}) }
    return { key, abi, held: [...held.values()].slice(0, comparedLimit), refused }
  }

  #holders(path: string, names: string[]): { peer: string; name: string }[] {
    return this.#host.mesh.holders(path, names)
  }

  /** With it come the digests of the others that have it, where they are not here. */
  async #ownProfile(
    binary: string,
    names: string[],
  ): Promise<{ own: ProfileRecord | undefined; path: string; leftOut: LeftOut[] }> {
    const { leftOut } = await gatherFor(this.#host, { name: binary, peers: peersOf(this.#host, names) })
    const file = await this.#host.operator.body({ binary })
    const own = file && decodeProfile(file)
    if (own) return { own, path: subjectOf(own.key.binary), leftOut }
    // A base name stands for the one path that others tell of.
    const paths = [...new Set(this.#host.mesh.digests.of(binary).map(({ digest }) => digest.binary))]
    if (paths.length > 1)
      throw new DaemonError(`"${binary}" could be ${paths.sort().join(' or ')}: give the whole path`)
    return { own, path: paths[0] ?? binary, leftOut }
  }

  #nobody(path: string, refused: LeftOut[]): DaemonError {
    const why = refused[0] ? ` (${refused[0].reason})` : ''
    return new DaemonError(`no host has a profile of "${path}" to compare${why}: see lymph fleet binaries`, 1)
  }
}

const fits = (digest: Digest, abi: Abi | undefined, window: number | undefined): boolean =>
  digest.abi === abi && digest.window === window

const known = (one: { peer: string }, of: readonly { peer: string }[]): boolean =>
  of.some(({ peer }) => peer === one.peer)

function most<Value>(values: readonly Value[]): Value | undefined {
  const counts = new Map<Value, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0]
}
