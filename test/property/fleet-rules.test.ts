import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  adoption,
  chanceInSample,
  type Donor,
  FleetProfile,
  KNOWN,
  outliers,
  type PairAnswer,
  quorumFor,
  verdictOf,
} from '#fleet'

const day = 86_400_000
const word = (pairs: number) =>
  fc.array(fc.integer({ min: 0, max: 2 }) as fc.Arbitrary<PairAnswer>, { minLength: pairs, maxLength: pairs })
const asked = fc
  .integer({ min: 1, max: 12 })
  .chain((pairs) => fc.tuple(fc.constant(pairs), fc.array(word(pairs), { maxLength: 20 })))

test('fewer liars than k never make familiar what no honest peer knows; a denial never makes it so either', () => {
  fc.assert(
    fc.property(asked, fc.integer({ min: 1, max: 6 }), fc.nat(5), ([pairs, words], quorum, liars) => {
      const codes = Array.from({ length: pairs }, (_, i) => i)
      const settings = { quorum, repliesLeast: 7 }
      const honest = words.map((one) =>
        one.map((answer, i): PairAnswer => (i === 0 && answer === KNOWN ? 0 : answer)),
      )
      const lying = Array.from({ length: Math.min(liars, quorum - 1) }, () =>
        codes.map((): PairAnswer => KNOWN),
      )
      assert.notEqual(verdictOf(codes, [...honest, ...lying], settings).kind, 'familiar')
      const verdict = verdictOf(codes, words, settings)
      const denied = verdictOf(codes, [...words, codes.map((): PairAnswer => 0)], settings)
      if (verdict.kind !== 'familiar' && verdict.kind !== 'not-asked-enough')
        assert.equal(denied.kind, 'unfamiliar')
      assert.equal(
        verdict.unfamiliar.length === 0 && words.length >= Math.max(7, quorum),
        verdict.kind === 'familiar',
      )
      assert.equal(verdict.known, Math.min(...verdict.knownBy))
    }),
  )
})

test('the quorum keeps its promise wherever the sample allows it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 64 }), (population, sample) => {
      const quorum = quorumFor(population, sample)
      const liars = Math.ceil(population * 0.05)
      assert.ok(quorum >= 2)
      if (quorum < sample) assert.ok(chanceInSample(population, liars, sample, quorum) <= 0.04)
      if (quorum > 2) assert.ok(chanceInSample(population, liars, sample, quorum - 1) > 0.04)
    }),
  )
})

const code = fc.integer({ min: 0, max: 2000 })
const life = fc.array(fc.uniqueArray(code, { maxLength: 30 }), { minLength: 1, maxLength: 30 })
const profileOf = (processes: number[][]): FleetProfile => {
  const profile = new FleetProfile(6)
  for (const codes of processes) profile.learn(codes, 0)
  return profile
}

test('adopted pairs are those that q donors have, whatever the others say; more liars than q - 1 are needed', () => {
  fc.assert(
    fc.property(fc.array(life, { minLength: 4, maxLength: 16 }), (lives) => {
      const donors: Donor[] = lives.map((processes, i) => ({
        peer: `${i}`,
        name: `${i}`,
        profile: profileOf(processes),
      }))
      const plan = adoption(donors, 30 * day)
      assert.ok('pairs' in plan)
      const all = new Set(donors.flatMap(({ profile }) => [...profile.pairs.keys()]))
      for (const one of all) {
        const having = donors.filter(({ profile }) => profile.pairs.has(one)).length
        assert.equal(plan.pairs.has(one), having >= plan.quorum)
      }
      assert.equal(plan.pairs.size + plan.leftOut.tooFew + plan.leftOut.young, all.size)
    }),
    { numRuns: 50 },
  )
})

test('scores: 0 to 99 and never NaN, 0 without a pair that nobody else has; the order of hosts does not matter', () => {
  fc.assert(
    fc.property(
      fc.array(life, { minLength: 2, maxLength: 14 }),
      fc.constantFrom(0, 1, 2),
      (lives, shared) => {
        const compared = lives.map((processes, i) => ({ host: `h${i}`, profile: profileOf(processes) }))
        const found = outliers(compared, { window: 6, shared: shared as 0 | 1 | 2 })
        for (const { score, pairs, carriers, processes, codes } of found) {
          assert.ok(score >= 0 && score <= 99)
          assert.equal(codes.length, pairs)
          if (pairs === 0) assert.equal(score, 0)
          assert.ok(carriers <= processes)
        }
        assert.deepEqual(
          outliers([...compared].reverse(), { window: 6, shared: shared as 0 | 1 | 2 })
            .map(({ host, score }) => [host, score.toFixed(9)])
            .sort(),
          found.map(({ host, score }) => [host, score.toFixed(9)]).sort(),
        )
      },
    ),
    { numRuns: 60 },
  )
})
