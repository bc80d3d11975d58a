import { z } from 'zod'
import { isSubject } from '#classes'
import { ABIS, type Abi } from '#syscalls'
import { fromCbor, toCbor } from './cbor.ts'
import { FleetError } from './errors.ts'
import type { BodyQuery } from './ports.ts'

/** The mesh's name of the request: `/lymph/ask/digest/1`. */
export const BODY_REQUEST = 'digest'
/** Bytes of a profile file that travels at most. A dense profile of 512 calls takes 1 MiB. */
export const BODY_BYTES = 8 * 1024 * 1024
export const REQUEST_BYTES = 1024
/** Body, envelope (8 KiB) and what holds them together. */
export const ANSWER_BYTES = BODY_BYTES + 16 * 1024

const query = z.strictObject({
  binary: z.string().max(256).refine(isSubject, 'is no printable path'),
  abi: z.enum(ABIS as [Abi, ...Abi[]]).optional(),
  window: z.number().int().min(2).max(9).optional(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
})

const answer = z.union([
  z.strictObject({ refused: z.enum(['not-held', 'busy', 'bad-request', 'too-large']) }),
  z.strictObject({ envelope: z.instanceof(Uint8Array), body: z.instanceof(Uint8Array) }),
])

export type Answer =
  | { refused: 'not-held' | 'busy' | 'bad-request' | 'too-large' }
  | { envelope: Uint8Array; body: Uint8Array }

export const encodeQuery = (asked: BodyQuery): Uint8Array => toCbor(asked)

/** Throws FleetError `bad-request`. */
export function decodeQuery(bytes: Uint8Array, peer: string): BodyQuery {
  try {
    if (bytes.length > REQUEST_BYTES) throw new Error(`${bytes.length} bytes, ${REQUEST_BYTES} are allowed`)
    return query.parse(fromCbor(bytes))
  } catch (error) {
    throw new FleetError('bad-request', peer, `the request does not hold: ${firstLine(error)}`, {
      cause: error,
    })
  }
}

export const encodeAnswer = (given: Answer): Uint8Array => toCbor(given)

/** Throws FleetError `too-large` or `bad-answer`. */
export function decodeAnswer(bytes: Uint8Array, peer: string): Answer {
  if (bytes.length > ANSWER_BYTES)
    throw new FleetError('too-large', peer, `an answer of ${bytes.length} bytes: ${ANSWER_BYTES} are allowed`)
  try {
    return answer.parse(fromCbor(bytes))
  } catch (error) {
    throw new FleetError('bad-answer', peer, `the answer does not hold: ${firstLine(error)}`, {
      cause: error,
    })
  }
}

function firstLine(error: unknown): string {
  if (!(error instanceof z.ZodError)) return (error as Error).message
  const issue = error.issues[0]
  return `${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim()
}
