import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type AskSignatures,
  decodeAskAnswer,
  decodeQuestion,
  encodeAskAnswer,
  encodeQuestion,
  FleetError,
  type PairAnswer,
  questionHash,
} from '#fleet'
import { pairCode } from '#homeostasis'

const mesh = new Uint8Array(32)
const all: AskSignatures = { sign: () => new Uint8Array(64), verify: () => true }
const pair = fc
  .tuple(fc.nat(1023), fc.nat(1023), fc.integer({ min: 1, max: 5 }))
  .map(([current, previous, distance]) => pairCode(current, previous, distance))
const asked = fc.uniqueArray(pair, { minLength: 1, maxLength: 264 }).map((codes) =>
  encodeQuestion({
    mesh,
    sha256: '00'.repeat(32),
    abi: 'x86-64',
    window: 6,
    nonce: new Uint8Array(16),
    time: 5,
    codes: codes.sort((a, b) => a - b),
  }),
)

test('every question comes back; changed anywhere it is refused or another valid one', () => {
  fc.assert(
    fc.property(asked, fc.nat(), fc.integer({ min: 1, max: 255 }), (bytes, at, flip) => {
      const question = decodeQuestion(bytes, 'p', { mesh, now: 5 })
      assert.deepEqual(encodeQuestion(question), bytes)
      const changed = Uint8Array.from(bytes)
      changed[at % bytes.length]! ^= flip
      try {
        const again = encodeQuestion(decodeQuestion(changed, 'p', { mesh, now: 5 }))
        assert.ok(Buffer.from(again).equals(changed))
      } catch (error) {
        assert.ok(error instanceof FleetError, String(error))
      }
    }),
  )
})

test('what is no question or answer is refused with a FleetError, whatever the bytes', () => {
  const question = { bytes: new Uint8Array(1), pairs: 4 }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1200 }), (bytes) => {
      assert.throws(() => decodeQuestion(bytes, 'p', { mesh, now: 5 }), FleetError)
      assert.throws(() => decodeAskAnswer(bytes, 'p', question, all), FleetError)
    }),
  )
})

test('every answer comes back; changed anywhere it is refused or another valid one', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 264 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (word, at, flip) => {
        const bytes = new Uint8Array(40)
        const said = encodeAskAnswer(
          {
            question: questionHash(bytes),
            word: word as PairAnswer[],
            processes: 1,
            digest: 2,
            time: 3,
          },
          all,
        )
        const to = { bytes, pairs: word.length }
        assert.deepEqual(decodeAskAnswer(said, 'p', to, all).word, word)
        const changed = Uint8Array.from(said)
        changed[at % said.length]! ^= flip
        try {
          for (const one of decodeAskAnswer(changed, 'p', to, all).word) assert.ok(one >= 0 && one <= 2)
        } catch (error) {
          assert.ok(error instanceof FleetError, String(error))
        }
      },
    ),
  )
})
