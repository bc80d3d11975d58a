import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { encode } from 'cborg'
import {
  ASK_ANSWER_BYTES,
  type AskAnswer,
  type AskSignatures,
  decodeAskAnswer,
  decodeQuestion,
  encodeAskAnswer,
  encodeQuestion,
  FleetError,
  type PairAnswer,
  QUESTION_BYTES,
  type Question,
  questionHash,
} from '#fleet'
import { pairCode } from '#homeostasis'

const now = Date.UTC(2026, 0, 5)
const mesh = new Uint8Array(32).fill(7)
const question = (more: Partial<Question> = {}): Question => ({
  mesh,
  sha256: 'ab'.repeat(32),
  abi: 'x86-64',
  window: 9,
  nonce: new Uint8Array(16).fill(1),
  time: now,
  codes: [pairCode(0, 511, 1), pairCode(5, 6, 8), pairCode(1023, 1023, 8)],
  ...more,
})
/** As long as Ed25519's. */
const signatures: AskSignatures = {
  sign: (bytes) => createHmac('sha512', 'peer').update(bytes).digest(),
  verify: (bytes, signature, peer) =>
    peer === 'peer' && createHmac('sha512', 'peer').update(bytes).digest().equals(signature),
}
const answer = (to: Uint8Array, word: PairAnswer[], more: Partial<AskAnswer> = {}): AskAnswer => ({
  question: questionHash(to),
  word,
  refused: undefined,
  processes: 2 ** 31,
  digest: now - 1,
  time: now,
  ...more,
})
const refused = (work: () => unknown, reason: string, detail: RegExp) =>
  assert.throws(work, (error: FleetError) => {
    assert.ok(error instanceof FleetError)
    assert.equal(error.reason, reason)
    assert.match(error.message, detail)
    return true
  })

test('a question and its answer come back as they were; the largest fit', () => {
  const codes = Array.from({ length: 264 }, (_, i) => pairCode(700 + i, 1023, 8))
  for (const asked of [question(), question({ codes })]) {
    const bytes = encodeQuestion(asked)
    assert.ok(bytes.length <= QUESTION_BYTES, `${bytes.length}`)
    assert.deepEqual(decodeQuestion(bytes, 'peer', { mesh, now }).codes, asked.codes)
    const word = asked.codes.map((_, i) => (i % 3) as PairAnswer)
    const said = encodeAskAnswer(answer(bytes, word), signatures)
    assert.ok(said.length <= ASK_ANSWER_BYTES, `${said.length}`)
    const heard = decodeAskAnswer(said, 'peer', { bytes, pairs: asked.codes.length }, signatures)
    assert.deepEqual(heard.word, word)
    assert.equal(heard.processes, 2 ** 31)
  }
})

test('busy is an answer without a word', () => {
  const bytes = encodeQuestion(question())
  const said = encodeAskAnswer(answer(bytes, [], { refused: 'busy' }), signatures)
  const heard = decodeAskAnswer(said, 'peer', { bytes, pairs: 3 }, signatures)
  assert.equal(heard.refused, 'busy')
  assert.deepEqual(heard.word, [])
})

test('a question that does not hold is refused with the reason', () => {
  const here = { mesh, now }
  const bad = (more: Partial<Question>, detail: RegExp, at = here) =>
    refused(() => decodeQuestion(encodeQuestion(question(more)), 'peer', at), 'bad-request', detail)
  bad({ mesh: new Uint8Array(32) }, /another mesh/)
  bad({ time: now - 130_000 }, /130 s off/)
  bad({ time: now + 130_000 }, /-130 s off/)
  bad({ window: 6 }, /distance 8 in a window of 6/)
  bad({ codes: [pairCode(5, 6, 8), pairCode(5, 6, 8)] }, /ascending/)
  bad({ codes: [pairCode(5, 6, 8), pairCode(5, 5, 8)] }, /ascending/)
  bad({ codes: [] }, /length/)
  bad({ codes: Array.from({ length: 265 }, (_, i) => pairCode(1, i, 1)) }, /length/)
  bad({ nonce: new Uint8Array(8) }, /length/)
  bad({ sha256: 'ab' }, /length/)
  refused(() => decodeQuestion(new Uint8Array(QUESTION_BYTES + 1), 'peer', here), 'bad-request', /1025 bytes/)
  refused(() => decodeQuestion(randomBytes(100), 'peer', here), 'bad-request', /does not hold/)
  refused(() => decodeQuestion(encode({ m: mesh }), 'peer', here), 'bad-request', /does not hold/)
  const bytes = encodeQuestion(question())
  refused(() => decodeQuestion(Buffer.concat([bytes, bytes]), 'peer', here), 'bad-request', /does not hold/)
})

test('pairs of calls beyond 1,023 cannot be asked for', () => {
  assert.throws(() => encodeQuestion(question({ codes: [pairCode(1024, 1, 1)] })), RangeError)
})

test('an answer that is signed by another, of another question, too long, or says 3 is refused', () => {
  const bytes = encodeQuestion(question())
  const asked = { bytes, pairs: 3 }
  const said = encodeAskAnswer(answer(bytes, [0, 1, 2]), signatures)
  refused(() => decodeAskAnswer(said, 'other', asked, signatures), 'not-the-author', /not signed/)
  const changed = Uint8Array.from(said)
  changed[20]! ^= 1
  assert.throws(() => decodeAskAnswer(changed, 'peer', asked, signatures), FleetError)
  const other = encodeQuestion(question({ nonce: new Uint8Array(16).fill(2) }))
  refused(
    () => decodeAskAnswer(said, 'peer', { bytes: other, pairs: 3 }, signatures),
    'bad-answer',
    /another question/,
  )
  const three = encodeAskAnswer(answer(bytes, [0, 1, 3 as PairAnswer]), signatures)
  refused(() => decodeAskAnswer(three, 'peer', asked, signatures), 'bad-answer', /says 3 of pair 2/)
  const four = encodeAskAnswer(answer(bytes, [0, 1, 2, 1]), signatures)
  refused(() => decodeAskAnswer(four, 'peer', asked, signatures), 'bad-answer', /says 1 of pair 3/)
  const few = encodeAskAnswer(answer(bytes, []), signatures)
  refused(() => decodeAskAnswer(few, 'peer', asked, signatures), 'bad-answer', /0 bytes for 3 pairs/)
  refused(() => decodeAskAnswer(new Uint8Array(513), 'peer', asked, signatures), 'too-large', /513 bytes/)
})
