/** Digests as they travel: canonical CBOR of at most 1 KiB, and what another host sent held to every rule of it. */
import { z } from 'zod'
import { isSubject } from '#classes'
import type { ProfileStateName } from '#homeostasis'
import { ABIS, type Abi } from '#syscalls'
import { packHours, unpackHours, WEEK_HOURS } from './activity.ts'
import { toCbor } from './cbor.ts'
import { FleetError } from './errors.ts'
import { isPackageWord } from './origin/packages.ts'
import { levelOf, SKETCH_BYTES, Sketch, SketchError } from './sketch.ts'
import type { CallShare, Digest } from './types.ts'
import { USAGE_CALLS } from './usage.ts'

/** Bytes of a digest's canonical CBOR at most. */
export const DIGEST_BYTES = 1024
/** Raised when the meaning of a field changes; a digest of a later version is read as far as the fields are known. */
export const DIGEST_VERSION = 2

/**
 * A digest as it travels: short names and hashes as bytes, so that path, counts and sketch have room in 1 KiB.
 * `v` version, `b` binary, `s` SHA-256 of its file (empty: not known), `a` ABI, `w` window, `t` state, `c` calls, `p` pairs,
 * `q` sequences, `n` anomalies, `u` calls since the last change, `f` since, `m` made, `l` lost, `h` and `z` SHA-256 and
 * length of the body, `i` build-id, `k` package and version, `g` and `x` key and bits of the sketch, `d` calls and their
 * share (3 bytes each), `e` hours of the week (2 bits each), `o` processes learned, `j` units,
 * units learned, settled, m and q of its judgement.
 */
export interface WireDigest {
  v: number
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
  i?: Uint8Array
  k?: [string, string]
  g?: Uint8Array
  x?: Uint8Array
  d?: Uint8Array
  e?: Uint8Array
  o?: number
  j?: [number, number, number, number, number]
}

const states: readonly ProfileStateName[] = ['learning', 'frozen', 'normal']
/** What a digest does without, first to last, where a long path and large counts leave no room: the sketch never. */
const givesWay = ['j', 'd', 'e', 'k', 'i', 'o'] as const

/** What is published. Throws when a field makes it larger than a digest may be, which no path can. */
export function encodeDigest(digest: Digest): WireDigest {
  const { buildId, sketch, usage, hours, judgement } = digest
  const wire: WireDigest = {
    v: DIGEST_VERSION,
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
    ...(digest.processes ? { o: digest.processes } : {}),
    ...(buildId ? { i: Buffer.from(buildId, 'hex') } : {}),
    ...(digest.package ? { k: [digest.package.name, digest.package.version] } : {}),
    ...(sketch ? { g: Buffer.from(sketch.key, 'hex'), x: sketch.bits } : {}),
    ...(usage && usage.length > 0 ? { d: packUsage(usage) } : {}),
    ...(hours ? { e: packHours(hours) } : {}),
    ...(judgement ? { j: packJudgement(judgement) } : {}),
  }
  for (const field of givesWay) {
    if (toCbor(wire).length <= DIGEST_BYTES) return wire
    delete wire[field]
  }
  const { length } = toCbor(wire)
  if (length > DIGEST_BYTES)
    throw new FleetError('bad-digest', '', `a digest of ${length} bytes: ${DIGEST_BYTES} are allowed`)
  return wire
}

const packJudgement = ({
  units,
  learned,
  settled,
  m,
  q,
}: NonNullable<Digest['judgement']>): NonNullable<WireDigest['j']> => [units, learned, settled ? 1 : 0, m, q]

function packUsage(usage: readonly CallShare[]): Uint8Array {
  return Uint8Array.from(
    usage.slice(0, USAGE_CALLS).flatMap(({ call, share }) => [call >> 8, call & 0xff, share]),
  )
}

function unpackUsage(packed: Uint8Array): CallShare[] {
  const usage: CallShare[] = []
  for (let at = 0; at < packed.length; at += 3)
    usage.push({
      call: (packed[at] as number) * 256 + (packed[at + 1] as number),
      share: packed[at + 2] as number,
    })
  return usage
}

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const time = z.number().int().min(0).max(8.64e15)
const bytesOf = (sizes: readonly number[], what: string) =>
  z.instanceof(Uint8Array).refine((bytes) => sizes.includes(bytes.length), `is no ${what}`)
const upTo = (most: number) => z.number().int().min(0).max(most)
const word = z.string().refine(isPackageWord, 'is no name or version of a package')
const usageSizes = Array.from({ length: USAGE_CALLS }, (_, n) => 3 * (n + 1))
const buildIdSizes = Array.from({ length: 13 }, (_, n) => n + 8)

/** Fields that are not known are passed over: a newer lymph may say more. */
const schema = z
  .object({
    v: z.number().int().min(DIGEST_VERSION).max(255),
    b: z.string().max(256).refine(isSubject, 'is no printable path of at most 160 bytes'),
    s: bytesOf([0, 32], 'SHA-256'),
    a: upTo(ABIS.length - 1),
    w: z.number().int().min(2).max(9),
    t: upTo(states.length - 1),
    c: count,
    p: upTo(4096 * 4096 * 8),
    q: count,
    n: count,
    u: count,
    f: time,
    m: time,
    l: upTo(1e5),
    h: bytesOf([32], 'SHA-256'),
    z: z
      .number()
      .int()
      .min(1)
      .max(16 * 1024 * 1024),
    i: bytesOf(buildIdSizes, 'build-id').optional(),
    k: z.tuple([word, word]).optional(),
    g: bytesOf([4], 'name of a key').optional(),
    x: bytesOf([SKETCH_BYTES], 'sketch').optional(),
    d: bytesOf(usageSizes, 'share of calls').optional(),
    e: bytesOf([WEEK_HOURS / 4], 'week of hours').optional(),
    o: count.optional(),
    j: z.tuple([count, count, upTo(1), upTo(1 << 24), upTo(1000)]).optional(),
  })
  .refine(({ g, x }) => (g === undefined) === (x === undefined), 'a sketch and its key come together')

/**
 * A digest out of what another host said. Throws FleetError naming the field: `bad-digest`, or `bad-sketch` where the
 * sketch cannot be one of so many pairs.
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
  if (wire.x) checkSketch(wire.p, wire.x, peer)
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
    ...(wire.o ? { processes: wire.o } : {}),
    ...(wire.i ? { buildId: hex(wire.i) } : {}),
    ...(wire.k ? { package: { name: wire.k[0], version: wire.k[1] } } : {}),
    ...(wire.g && wire.x ? { sketch: { key: hex(wire.g), bits: wire.x } } : {}),
    ...(wire.d ? { usage: unpackUsage(wire.d) } : {}),
    ...(wire.e ? { hours: unpackHours(wire.e) } : {}),
    ...(wire.j ? { judgement: judgementOf(wire.j) } : {}),
  }
}

const judgementOf = ([units, learned, settled, m, q]: NonNullable<WireDigest['j']>) => ({
  units,
  learned,
  settled: settled === 1,
  m,
  q,
})

function checkSketch(pairs: number, bits: Uint8Array, peer: string): void {
  try {
    Sketch.from({ pairs, level: levelOf(pairs), bits })
  } catch (error) {
    if (!(error instanceof SketchError)) throw error
    throw new FleetError('bad-sketch', peer, `the digest does not hold: ${error.message}`, { cause: error })
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
