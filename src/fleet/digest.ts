import { createHash } from 'node:crypto'
import { z } from 'zod'
import { isSubject, subjectOf } from '#classes'
import {
  type ProfileRecord,
  type ProfileStateName,
  profileFileHash,
  stateName,
  tableInForce,
} from '#homeostasis'
import { ABIS, type Abi } from '#syscalls'
import { toCbor } from './cbor.ts'
import { FleetError } from './errors.ts'
import type { Digest } from './types.ts'

/** Bytes of a digest's canonical CBOR at most. Of these a later sketch takes 640 (Bloom filter, 3 hashes). */
export const DIGEST_BYTES = 1024
/** Bytes of a digest without sketch at most: what is left for it. */
export const DIGEST_PLAIN_BYTES = DIGEST_BYTES - 650

/**
 * A digest as it travels: short names and hashes as bytes, so that path, counts and sketch have room in 1 KiB.
 * `b` binary, `s` SHA-256 of its file (empty: not known), `a` ABI, `w` window, `t` state, `c` calls, `p` pairs,
 * `q` sequences, `n` anomalies, `u` calls since the last change, `f` since, `m` made, `l` lost, `h` and `z` SHA-256 and
 * length of the body.
 */
export interface WireDigest {
  b: string
  s: Uint8Array
  a: number
  w: number
  t: number
  c: number
  p: number
  q: number
  n: number
  u: number
  f: number
  m: number
  l: number
  h: Uint8Array
  z: number
}

const states: readonly ProfileStateName[] = ['learning', 'frozen', 'normal']

/**
 * What this host says of one of its profiles. `pairs` is the number in force (the test table of a normal profile).
 * @param file the profile file of `record`, byte for byte what will be sent on request
 * @param facts `lost`: share of the binary's calls that were not seen, 0..1; `made`: ms since the epoch
 */
export function makeDigest(
  record: ProfileRecord,
  file: Uint8Array,
  facts: { lost: number; made: number },
): Digest {
  const { key, tables } = record
  return {
    binary: subjectOf(key.binary),
    sha256: key.sha256,
    abi: key.abi,
    window: key.window,
    state: stateName({ normal: tables.normal, frozen: record.frozen }),
    calls: tables.calls,
    pairs: tableInForce(record).pairs,
    sequences: tables.train.sequences,
    anomalies: tables.anomalies,
    sinceChange: tables.train.lastModCount,
    since: record.since,
    made: facts.made,
    lost: facts.lost,
    body: { sha256: profileFileHash(file), bytes: file.length },
  }
}

/** What is published. Throws when a field makes it larger than a digest may be, which no path can. */
export function encodeDigest(digest: Digest): WireDigest {
  const wire: WireDigest = {
    b: digest.binary,
    s: Buffer.from(digest.sha256, 'hex'),
    a: ABIS.indexOf(digest.abi),
    w: digest.window,
    t: states.indexOf(digest.state),
    c: digest.calls,
    p: digest.pairs,
    q: digest.sequences,
    n: digest.anomalies,
    u: digest.sinceChange,
    f: digest.since,
    m: digest.made,
    // Thousandths of a per cent: a float of eight bytes says no more that is true.
    l: Math.ceil(digest.lost * 1e5),
    h: Buffer.from(digest.body.sha256, 'hex'),
    z: digest.body.bytes,
  }
  const { length } = toCbor(wire)
  if (length > DIGEST_PLAIN_BYTES)
    throw new FleetError('bad-digest', '', `a digest of ${length} bytes: ${DIGEST_PLAIN_BYTES} are allowed`)
  return wire
}

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const time = z.number().int().min(0).max(8.64e15)
const hash = (sizes: number[]) =>
  z.instanceof(Uint8Array).refine((bytes) => sizes.includes(bytes.length), 'is no SHA-256')

/** Fields that are not known are passed over: a newer lymph may say more. */
const schema = z.object({
  b: z.string().max(256).refine(isSubject, 'is no printable path of at most 160 bytes'),
  s: hash([0, 32]),
  a: z
    .number()
    .int()
    .min(0)
    .max(ABIS.length - 1),
  w: z.number().int().min(2).max(9),
  t: z
    .number()
    .int()
    .min(0)
    .max(states.length - 1),
  c: count,
  p: z
    .number()
    .int()
    .min(0)
    .max(4096 * 4096 * 8),
  q: count,
  n: count,
  u: count,
  f: time,
  m: time,
  l: z.number().int().min(0).max(1e5),
  h: hash([32]),
  z: z
    .number()
    .int()
    .min(1)
    .max(16 * 1024 * 1024),
})

/**
 * A digest out of what another host said. Throws FleetError `bad-digest`, naming the field.
 * @param peer who said it, for the error
 */
export function validateDigest(said: unknown, peer = ''): Digest {
  const parsed = schema.safeParse(said)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    const field = issue?.path.join('.') || 'it'
    throw new FleetError(
      'bad-digest',
      peer,
      `the digest does not hold: ${field}: ${issue?.message ?? 'invalid'}`,
    )
  }
  // Of the whole as it came, unknown fields included.
  const { length } = toCbor(said)
  if (length > DIGEST_BYTES)
    throw new FleetError('bad-digest', peer, `a digest of ${length} bytes: ${DIGEST_BYTES} are allowed`)
  const wire = parsed.data
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
  return {
    binary: wire.b,
    sha256: hex(wire.s),
    abi: ABIS[wire.a] as Abi,
    window: wire.w,
    state: states[wire.t] as ProfileStateName,
    calls: wire.c,
    pairs: wire.p,
    sequences: wire.q,
    anomalies: wire.n,
    sinceChange: wire.u,
    since: wire.f,
    made: wire.m,
    lost: wire.l / 1e5,
    body: { sha256: hex(wire.h), bytes: wire.z },
  }
}

/** The mesh's key of a digest: one a profile. 32 hex digits. */
export function digestKey(digest: Pick<Digest, 'binary' | 'abi' | 'window' | 'sha256'>): string {
  const { binary, abi, window, sha256 } = digest
  return createHash('sha256').update(`${binary}\0${abi}\0${window}\0${sha256}`).digest('hex').slice(0, 32)
}
