/** Digests asked for by name: `/lymph/ask/digests/1`. Canonical CBOR both ways. */
import { z } from 'zod'
import { fromCbor, toCbor } from '../cbor.ts'
import { FleetError } from '../errors.ts'
import { ID_BYTES } from './rows.ts'

export const PULL_REQUEST = 'digests'
/** Digests asked for at once. */
export const PULLED_MOST = 64
export const PULL_REQUEST_BYTES = 1024
/** 64 envelopes of a digest take 90 KB. */
export const PULL_ANSWER_BYTES = 128 * 1024
/** A digest of 1 KiB and what is signed around it. */
const ENVELOPE_BYTES = 1536

export interface PullQuery {
  /** Whose digests: the PeerId of their author, be it the one that is asked or not. */
  author: string
  /** Of their inventory rows. */
  ids: string[]
}

export type PullAnswer = { refused: 'busy' | 'bad-request' } | { envelopes: Uint8Array[] }

const query = z.strictObject({
  a: z.string().min(1).max(80),
  i: z
    .instanceof(Uint8Array)
    .refine(
      ({ length }) => length > 0 && length % ID_BYTES === 0 && length <= PULLED_MOST * ID_BYTES,
      `is not 1 to ${PULLED_MOST} ids`,
    ),
})
const answer = z.union([
  z.strictObject({ refused: z.enum(['busy', 'bad-request']) }),
  z.strictObject({
    e: z.array(z.instanceof(Uint8Array).refine(({ length }) => length <= ENVELOPE_BYTES)).max(PULLED_MOST),
  }),
])

export const encodePullQuery = ({ author, ids }: PullQuery): Uint8Array =>
  toCbor({ a: author, i: Buffer.from(ids.join(''), 'hex') })

/** Throws FleetError `bad-request`. */
export function decodePullQuery(bytes: Uint8Array, peer: string): PullQuery {
  try {
    if (bytes.length > PULL_REQUEST_BYTES)
      throw new Error(`${bytes.length} bytes, ${PULL_REQUEST_BYTES} are allowed`)
    const { a, i } = query.parse(fromCbor(bytes))
    const ids: string[] = []
    for (let at = 0; at < i.length; at += ID_BYTES)
      ids.push(Buffer.from(i.subarray(at, at + ID_BYTES)).toString('hex'))
    return { author: a, ids }
  } catch (error) {
    throw new FleetError('bad-request', peer, `the request for digests does not hold: ${lineOf(error)}`, {
      cause: error,
    })
  }
}

export const encodePullAnswer = (given: PullAnswer): Uint8Array =>
  toCbor('refused' in given ? given : { e: given.envelopes })

/** Throws FleetError `too-large` or `bad-answer`. Envelopes are copies: one that is kept does not keep the others. */
export function decodePullAnswer(bytes: Uint8Array, peer: string): PullAnswer {
  if (bytes.length > PULL_ANSWER_BYTES)
    throw new FleetError(
      'too-large',
      peer,
      `an answer of ${bytes.length} bytes: ${PULL_ANSWER_BYTES} are allowed`,
    )
  try {
    const given = answer.parse(fromCbor(bytes))
    return 'refused' in given ? given : { envelopes: given.e.map((one) => Uint8Array.from(one)) }
  } catch (error) {
    throw new FleetError('bad-answer', peer, `the answer does not hold: ${lineOf(error)}`, { cause: error })
  }
}

function lineOf(error: unknown): string {
  if (!(error instanceof z.ZodError)) return (error as Error).message
  return error.issues[0]?.message ?? 'invalid'
}
