import { createHash } from 'node:crypto'
import { subjectOf } from '#classes'
import { type ProfileRecord, profileFileHash, stateName, tableInForce } from '#homeostasis'
import type { Package } from './origin/index.ts'
import { PairHash } from './pair-hash.ts'
import { FleetProfile } from './profile.ts'
import { levelOf, Sketch } from './sketch.ts'
import type { Digest } from './types.ts'
import { codesOf, judgementFacts, usageOf } from './usage.ts'

/** What sketches of one mesh are keyed with: derived from its secret, and named so that another secret is noticed. */
export interface SketchKey {
  /** 8 hex digits. */
  id: string
  hash: PairHash
}

/** @param secret what all members know and nobody else */
export function sketchKey(secret: Uint8Array): SketchKey {
  const id = createHash('sha256').update('lymph sketch key\0').update(secret).digest('hex').slice(0, 8)
  return { id, hash: new PairHash(secret) }
}

/** What a digest says that its profile does not hold. */
export interface DigestFacts {
  /** Share of the binary's calls that were not seen, 0..1. */
  lost: number
  /** ms since the epoch */
  made: number
  origin?: { buildId?: string; package?: Package }
  /** Undefined: this host is in no mesh, and nobody compares. */
  key?: SketchKey | undefined
  /** 168 levels of 0..3. */
  hours?: Uint8Array | undefined
}

/**
 * What this host says of one of its profiles. `pairs` is the number in force (the test table of a normal profile).
 * @param file the profile file of `record`, byte for byte what will be sent on request
 */
export function makeDigest(record: ProfileRecord, file: Uint8Array, facts: DigestFacts): Digest {
  const { key, tables } = record
  const { origin = {}, hours } = facts
  const { package: from } = origin
  const table = tableInForce(record)
  const { processes } = FleetProfile.of(record)
  const judgement = judgementFacts(record)
  return {
    binary: subjectOf(key.binary),
    sha256: key.sha256,
    abi: key.abi,
    window: key.window,
    state: stateName({ normal: tables.normal, frozen: record.frozen }),
    calls: tables.calls,
    pairs: table.pairs,
    sequences: tables.train.sequences,
    anomalies: tables.anomalies,
    ...(processes > 0 ? { processes } : {}),
    sinceChange: tables.train.lastModCount,
    since: record.since,
    made: facts.made,
    lost: facts.lost,
    body: { sha256: profileFileHash(file), bytes: file.length },
    ...(origin.buildId ? { buildId: origin.buildId } : {}),
    ...(from ? { package: { name: from.name, version: from.version } } : {}),
    ...(facts.key ? { sketch: { key: facts.key.id, bits: bitsOf(record, facts.key) } } : {}),
    usage: usageOf(table),
    ...(hours ? { hours } : {}),
    ...(judgement ? { judgement } : {}),
  }
}

/** The sketch of the pairs in force, as `key` makes it. */
export function bitsOf(record: ProfileRecord, key: SketchKey): Uint8Array {
  return Sketch.of(key.hash.hash(codesOf(tableInForce(record)))).bits
}

/** The sketch a digest carries; undefined where it has none, or one that was made with another secret. */
export function sketchOf(digest: Digest, key: SketchKey | undefined): Sketch | undefined {
  if (!digest.sketch || digest.sketch.key !== key?.id) return undefined
  const { pairs, sketch } = digest
  // Its number of pairs and its fill were compared when the digest came.
  return Sketch.from({ pairs, level: levelOf(pairs), bits: sketch.bits })
}

/** The mesh's key of a digest: one a profile. 32 hex digits. */
export function digestKey(digest: Pick<Digest, 'binary' | 'abi' | 'window' | 'sha256'>): string {
  const { binary, abi, window, sha256 } = digest
  return createHash('sha256').update(`${binary}\0${abi}\0${window}\0${sha256}`).digest('hex').slice(0, 32)
}
