import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type Accused,
  evidenceOf,
  excuses,
  type Incident,
  type Tolerance,
  Tolerances,
  toleranceFor,
} from '#incidents'
import { incident as example } from '../incidents/journal/support.ts'

const binary = fc.constantFrom('/bin/a', '/bin/b')
const sha256 = fc.constantFrom('', 'a'.repeat(64), 'b'.repeat(64))
const abi = fc.constantFrom('x86-64' as const, 'i386' as const)
const pair = fc.record({
  current: fc.nat(3),
  previous: fc.nat(3),
  distance: fc.integer({ min: 1, max: 3 }),
})
const accused: fc.Arbitrary<Accused> = fc.record({
  binary,
  sha256,
  abi,
  pairs: fc.uniqueArray(pair, { selector: (one) => JSON.stringify(one), maxLength: 6 }),
  pairsCut: fc.constantFrom(0, 0, 0, 5),
})
const made = fc.record({
  of: accused,
  from: fc.nat(100),
  lasts: fc.integer({ min: 1, max: 100 }),
  scope: fc.constantFrom('evidence' as const, 'binary' as const),
  anyVersion: fc.boolean(),
})

/** Those that could be made, as an operator would have. */
type Made = typeof made extends fc.Arbitrary<infer Value> ? Value : never

function tolerances(all: readonly Made[]): Tolerance[] {
  return all.flatMap(({ of, from, lasts, scope, anyVersion }, n) => {
    const incident: Incident = { ...example(), ...of, pairs: of.pairs ?? [], pairsCut: of.pairsCut ?? 0 }
    try {
      const request = { until: from + lasts, reason: 'r', by: 'me', scope, anyVersion }
      return [toleranceFor(incident, request, `t${n}`, from)]
    } catch {
      return []
    }
  })
}

/** The same said in another way: what excuses what, from the definition. */
function mayAct(all: readonly Tolerance[], of: Accused, now: number): boolean {
  return !all.some((one) => {
    const inTime = one.created <= now && now < one.until
    const sameFile = one.sha256 === '' || of.sha256 === '' || one.sha256 === of.sha256
    const known = (of.pairsCut ?? 0) === 0 && evidenceOf(of).length > 0
    const covered = evidenceOf(of).filter((each) => !one.evidence.includes(each)).length === 0
    return (
      inTime &&
      one.binary === of.binary &&
      one.abi === of.abi &&
      sameFile &&
      (one.scope === 'binary' || (known && covered))
    )
  })
}

test('over random tolerances, times and offenders: a tolerated one never acts, any other may', () => {
  fc.assert(
    fc.property(
      fc.array(made, { maxLength: 12 }),
      accused,
      fc.nat(220),
      fc.boolean(),
      (all, of, now, removed) => {
        const book = new Tolerances()
        let standing = tolerances(all)
        for (const one of standing) book.add(one)
        if (removed && standing[0]) {
          book.remove(standing[0].id)
          standing = standing.slice(1)
        }
        const excused = book.tolerated(of, now)
        assert.equal(excused === undefined, mayAct(standing, of, now))
        if (excused) {
          assert.ok(excuses(excused, of, now))
          // Whoever cannot see the evidence holds back as well.
          assert.ok(book.touches(of.binary, now) > now)
        }
        const over = book.expire(now)
        assert.ok(over.every(({ until }) => until <= now))
        assert.equal(book.tolerated(of, now)?.id, excused?.id)
      },
    ),
    { numRuns: 3000 },
  )
})

test('showing more than what was excused is accused again; showing less is not', () => {
  fc.assert(
    fc.property(accused, pair, (of, extra) => {
      fc.pre((of.pairs?.length ?? 0) > 0 && of.pairsCut === 0)
      const book = new Tolerances()
      const request = { until: 10, reason: 'r', by: 'me', scope: 'evidence' as const, anyVersion: false }
      const incident: Incident = { ...example(), ...of, pairs: of.pairs ?? [], pairsCut: 0 }
      book.add(toleranceFor(incident, request, 't1', 0))
      assert.ok(book.tolerated(of, 5))
      assert.ok(book.tolerated({ ...of, pairs: (of.pairs ?? []).slice(0, 1) }, 5))
      const more = { ...of, pairs: [...(of.pairs ?? []), { ...extra, current: 9 }] }
      assert.equal(book.tolerated(more, 5), undefined)
      assert.equal(book.tolerated({ ...of, edge: { parent: '/bin/a', started: '/bin/sh' } }, 5), undefined)
      assert.equal(book.tolerated(of, 10), undefined)
    }),
  )
})
