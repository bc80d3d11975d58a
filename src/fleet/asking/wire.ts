import { createHash } from 'node:crypto'
import { z } from 'zod'
import { pairCode } from '#homeostasis'
import { ABIS, type Abi } from '#syscalls'
import { fromCbor, toCbor } from '../cbor.ts'
import { FleetError } from '../errors.ts'
import { currentOf, distanceOf, previousOf } from '../profile.ts'
import type { PairAnswer } from './verdict.ts'

/** The mesh's name of the request: `/lymph/ask/1`. */
export const ASK_REQUEST = 'ask'
export const QUESTION_BYTES = 1024
export const ASK_ANSWER_BYTES = 512
/** 256 novel pairs and 8 decoys. */
export const QUESTION_PAIRS = 264
/** Current and previous call have 10 bits each, the distance 4. */
const CALLS = 1024
const PAIR_BYTES = 3
const NONCE_BYTES = 16

/** What is asked. Which of the pairs are decoys only the asker knows. */
export interface Question {
  /** Of the mesh, so that an answer proves nothing in another. */
  mesh: Uint8Array
  /** Of the binary's file, hex. */
  sha256: string
  abi: Abi
  window: number
  /** 16 bytes */
  nonce: Uint8Array
  /** ms since the epoch */
  time: number
  /** Distinct, ascending: their order tells nothing. */
  codes: number[]
}

/** What a peer says, or that it is asked too much. */
export interface AskAnswer {
  /** Hash of the question as it came: the answer can be verified alone. */
  question: Uint8Array
  /** One a pair, in the question's order; none: busy, or the profile is not held. */
  word: PairAnswer[]
  refused?: 'busy' | 'not-held' | undefined
  /** Processes learned, and when the digest it last announced was made. */
  processes: number
  digest: number
  time: number
}

/** Whether a pair fits into a question; those of foreign traces need not. */
export const isAskable = (code: number): boolean => currentOf(code) < CALLS && previousOf(code) < CALLS

export function encodeQuestion(question: Question): Uint8Array {
  const { codes } = question
  const pairs = new Uint8Array(codes.length * PAIR_BYTES)
  for (const [i, code] of codes.entries()) {
    if (!isAskable(code)) throw new RangeError(`pair ${code}: its calls have no place in a question`)
    const packed = (currentOf(code) << 14) | (previousOf(code) << 4) | distanceOf(code)
    pairs.set([packed >>> 16, (packed >>> 8) & 0xff, packed & 0xff], i * PAIR_BYTES)
  }
  const bytes = toCbor({
    m: question.mesh,
    s: Buffer.from(question.sha256, 'hex'),
    a: ABIS.indexOf(question.abi),
    w: question.window,
    n: question.nonce,
    t: question.time,
    p: pairs,
  })
  if (bytes.length > QUESTION_BYTES)
    throw new RangeError(`a question of ${bytes.length} bytes: ${QUESTION_BYTES} are allowed`)
  return bytes
}

const bytesOf = (least: number, most = least) =>
  z.instanceof(Uint8Array).refine(({ length }) => length >= least && length <= most, 'has another length')
const time = z.number().int().min(0).max(8.64e15)

const questionSchema = z.strictObject({
  m: bytesOf(1, 64),
  s: bytesOf(32),
  a: z
    .number()
    .int()
    .min(0)
    .max(ABIS.length - 1),
  w: z.number().int().min(2).max(9),
  n: bytesOf(NONCE_BYTES),
  t: time,
  p: bytesOf(PAIR_BYTES, QUESTION_PAIRS * PAIR_BYTES).refine(
    ({ length }) => length % PAIR_BYTES === 0,
    'holds no whole pairs',
  ),
})

/** How far another host's clock may be off, in ms. */
const SKEW = 120_000

/**
 * A peer's question. Throws FleetError `bad-request`: what is not canonical, of another mesh, more than two minutes off
 * (so that an old one cannot be asked again), with pairs that are none, twice there or out of order.
 */
export function decodeQuestion(
  bytes: Uint8Array,
  from: string,
  here: { mesh: Uint8Array; now: number },
): Question {
  const refuse = (detail: string, cause?: unknown): never => {
    throw new FleetError('bad-request', from, `the question does not hold: ${detail}`, { cause })
  }
  if (bytes.length > QUESTION_BYTES) refuse(`${bytes.length} bytes, ${QUESTION_BYTES} are allowed`)
  const wire = parsed(questionSchema, bytes, refuse)
  if (!Buffer.from(wire.m).equals(here.mesh)) refuse('it is of another mesh')
  if (Math.abs(wire.t - here.now) > SKEW)
    refuse(`its time is ${Math.round((here.now - wire.t) / 1000)} s off`)
  const codes: number[] = []
  for (let at = 0; at < wire.p.length; at += PAIR_BYTES) {
    const packed = (wire.p[at]! << 16) | (wire.p[at + 1]! << 8) | wire.p[at + 2]!
    const distance = packed & 0xf
    if (distance < 1 || distance >= wire.w) refuse(`a pair at distance ${distance} in a window of ${wire.w}`)
    const code = pairCode(packed >>> 14, (packed >>> 4) & 0x3ff, distance)
    if (codes.length > 0 && code <= codes.at(-1)!) refuse('its pairs are not in ascending order')
    codes.push(code)
  }
  return {
    mesh: wire.m,
    sha256: Buffer.from(wire.s).toString('hex'),
    abi: ABIS[wire.a] as Abi,
    window: wire.w,
    nonce: wire.n,
    time: wire.t,
    codes,
  }
}

export const questionHash = (question: Uint8Array): Uint8Array =>
  createHash('sha256').update(question).digest()

/** Signs and checks bytes in this mesh's name, apart from what records are signed with. */
export interface AskSignatures {
  sign(bytes: Uint8Array): Uint8Array
  /** Whether that member signed them. */
  verify(bytes: Uint8Array, signature: Uint8Array, peer: string): boolean
}

const refusals = ['busy', 'not-held'] as const

export function encodeAskAnswer(answer: AskAnswer, signatures: Pick<AskSignatures, 'sign'>): Uint8Array {
  const word = new Uint8Array(Math.ceil(answer.word.length / 4))
  for (const [i, one] of answer.word.entries()) word[i >> 2]! |= one << (2 * (i & 3))
  const said = toCbor({
    q: answer.question,
    r: answer.refused === undefined ? 0 : refusals.indexOf(answer.refused) + 1,
    p: word,
    n: answer.processes,
    d: answer.digest,
    t: answer.time,
  })
  return toCbor({ a: said, s: signatures.sign(said) })
}

const envelopeSchema = z.strictObject({ a: bytesOf(1, ASK_ANSWER_BYTES), s: bytesOf(1, 128) })
const answerSchema = z.strictObject({
  q: bytesOf(32),
  r: z.number().int().min(0).max(refusals.length),
  p: bytesOf(0, Math.ceil(QUESTION_PAIRS / 4)),
  n: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  d: time,
  t: time,
})

/** The answer of the peer that was asked, to this question. Throws FleetError `bad-answer`, `too-large`, `not-the-author`. */
export function decodeAskAnswer(
  bytes: Uint8Array,
  from: string,
  question: { bytes: Uint8Array; pairs: number },
  signatures: Pick<AskSignatures, 'verify'>,
): AskAnswer {
  const refuse = (detail: string, cause?: unknown): never => {
    throw new FleetError('bad-answer', from, `the answer does not hold: ${detail}`, { cause })
  }
  if (bytes.length > ASK_ANSWER_BYTES)
    throw new FleetError(
      'too-large',
      from,
      `an answer of ${bytes.length} bytes: ${ASK_ANSWER_BYTES} are allowed`,
    )
  const { a, s } = parsed(envelopeSchema, bytes, refuse)
  if (!signatures.verify(a, s, from))
    throw new FleetError('not-the-author', from, 'the answer is not signed by who was asked')
  const wire = parsed(answerSchema, a, refuse)
  if (!Buffer.from(wire.q).equals(questionHash(question.bytes))) refuse('it is of another question')
  const refused = wire.r === 0 ? undefined : refusals[wire.r - 1]
  const word: PairAnswer[] = []
  const pairs = refused === undefined ? question.pairs : 0
  if (wire.p.length !== Math.ceil(pairs / 4)) refuse(`it has ${wire.p.length} bytes for ${pairs} pairs`)
  for (let i = 0; i < wire.p.length * 4; i++) {
    const one = (wire.p[i >> 2]! >> (2 * (i & 3))) & 3
    if (one === 3 || (i >= pairs && one !== 0)) refuse(`it says ${one} of pair ${i}`)
    if (i < pairs) word.push(one as PairAnswer)
  }
  return { question: wire.q, word, refused, processes: wire.n, digest: wire.d, time: wire.t }
}

function parsed<T>(
  schema: z.ZodType<T>,
  bytes: Uint8Array,
  refuse: (detail: string, cause?: unknown) => never,
): T {
  try {
    return schema.parse(fromCbor(bytes))
  } catch (error) {
    const issue = error instanceof z.ZodError ? error.issues[0] : undefined
    return refuse(issue ? `${issue.path.join('.')} ${issue.message}`.trim() : (error as Error).message, error)
  }
}
