import { subjectOf } from '#classes'
import { decodeProfile, type ProfileRecord, profileFileHash, stateName, tableInForce } from '#homeostasis'
import { bitsOf, type SketchKey } from './digest.ts'
import { validateDigest } from './digest-wire.ts'
import { FleetError } from './errors.ts'
import type { BodyQuery, Signatures } from './ports.ts'
import { FleetProfile } from './profile.ts'
import type { Digest } from './types.ts'
import { judgementFacts, usageOf } from './usage.ts'
import { BODY_BYTES } from './wire.ts'

/** How far another host's clock may lag behind when its statement has just run out, in ms. */
const skewMs = 120_000

export interface VerifiedProfile {
  peer: string
  name: string
  digest: Digest
  profile: ProfileRecord
}

/**
 * A peer's profile, believed only as far as it hangs together: the envelope is signed by that member, the digest in it
 * holds and is of what was asked, the body is the one it names, and holds what it claims. Build-id, package and hours
 * are that member's word alone. Throws FleetError with the reason otherwise.
 * @param sketchKey what sketches are made with; one made with another secret is not looked at
 */
export function verifyBody(
  from: { peer: string; name: string },
  asked: BodyQuery,
  envelope: Uint8Array,
  body: Uint8Array,
  signatures: Pick<Signatures, 'verify'>,
  now: number,
  sketchKey?: SketchKey,
): VerifiedProfile {
  const refuse = (reason: FleetError['reason'], detail: string, cause?: unknown): never => {
    throw new FleetError(reason, from.peer, `${from.name}: ${detail}`, { cause })
  }
  if (body.length > BODY_BYTES)
    refuse('too-large', `a body of ${body.length} bytes: ${BODY_BYTES} are allowed`)
  const digest = digestIn(from, envelope, signatures, now)
  checkAsked(digest, asked, refuse)
  if (body.length !== digest.body.bytes)
    refuse('body-length', `the body has ${body.length} bytes, its digest says ${digest.body.bytes}`)
  if (profileFileHash(body) !== digest.body.sha256)
    refuse('body-hash', 'the body is not the one its digest names')
  let profile: ProfileRecord
  try {
    profile = decodeProfile(body)
  } catch (error) {
    return refuse('body-format', `the body is no profile: ${(error as Error).message}`, error)
  }
  for (const [what, claimed, held] of claims(digest, profile))
    if (claimed !== held) refuse('body-claims', `the digest says ${what} ${claimed}, the body holds ${held}`)
  checkSummaries(digest, profile, sketchKey, refuse)
  return { ...from, digest, profile }
}

function digestIn(
  from: { peer: string; name: string },
  envelope: Uint8Array,
  signatures: Pick<Signatures, 'verify'>,
  now: number,
): Digest {
  let record: ReturnType<Signatures['verify']>
  try {
    record = signatures.verify(envelope)
  } catch (error) {
    throw new FleetError('bad-envelope', from.peer, `${from.name}: ${(error as Error).message}`, {
      cause: error,
    })
  }
  if (record.peer !== from.peer)
    throw new FleetError('not-the-author', from.peer, `${from.name} sent what ${record.name} signed`)
  if (record.kind !== 'digest')
    throw new FleetError(
      'bad-envelope',
      from.peer,
      `${from.name}: a record of kind ${record.kind}, no digest`,
    )
  if (record.expires + skewMs < now)
    throw new FleetError(
      'stale',
      from.peer,
      `${from.name}: its digest ran out ${now - record.expires} ms ago`,
    )
  return validateDigest(record.body, from.peer)
}

const otherness = {
  binary: 'other-profile',
  abi: 'other-abi',
  window: 'other-window',
  sha256: 'other-profile',
} as const

function checkAsked(
  digest: Digest,
  asked: BodyQuery,
  refuse: (reason: FleetError['reason'], detail: string) => never,
): void {
  for (const field of ['binary', 'abi', 'window', 'sha256'] as const) {
    const wanted = asked[field]
    if (wanted !== undefined && digest[field] !== wanted)
      refuse(otherness[field], `${field} ${wanted} was asked for, and ${digest[field] || '(none)'} was given`)
  }
}

/** Sketch and shares of calls: made again from the body. */
function checkSummaries(
  digest: Digest,
  profile: ProfileRecord,
  key: SketchKey | undefined,
  refuse: (reason: FleetError['reason'], detail: string) => never,
): void {
  const { sketch, usage } = digest
  if (sketch && key?.id === sketch.key && !Buffer.from(bitsOf(profile, key)).equals(sketch.bits))
    refuse('body-claims', "the digest's sketch is not of the pairs that the body holds")
  if (usage && JSON.stringify(usage) !== JSON.stringify(usageOf(tableInForce(profile))))
    refuse('body-claims', 'the digest names calls and shares that the body does not hold')
}

/** Everything a digest says in a number or word that its body can be held to. */
function* claims(
  digest: Digest,
  profile: ProfileRecord,
): Generator<[what: string, claimed: string | number, held: string | number]> {
  const { key, tables } = profile
  yield ['binary', digest.binary, subjectOf(key.binary)]
  yield ['SHA-256', digest.sha256, key.sha256]
  yield ['ABI', digest.abi, key.abi]
  yield ['window', digest.window, key.window]
  yield ['state', digest.state, stateName({ normal: tables.normal, frozen: profile.frozen })]
  yield ['pairs', digest.pairs, tableInForce(profile).pairs]
  yield ['calls', digest.calls, tables.calls]
  yield ['sequences', digest.sequences, tables.train.sequences]
  yield ['anomalies', digest.anomalies, tables.anomalies]
  yield ['calls since the last change', digest.sinceChange, tables.train.lastModCount]
  yield ['since', digest.since, profile.since]
  if (digest.judgement)
    yield [
      'of its judgement',
      JSON.stringify(digest.judgement),
      JSON.stringify(judgementFacts(profile) ?? {}),
    ]
  if (digest.processes !== undefined)
    yield ['processes', digest.processes, FleetProfile.of(profile).processes]
}
