import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Adoption,
  adopted,
  adoptedRecord,
  adoption,
  adoptionText,
  answerOf,
  chooseDonors,
  type Donor,
  type DonorCandidate,
  FleetProfile,
  NOT_VOUCHED,
  signalOf,
} from '#fleet'
import { decodeProfile, encodeProfile, pairCode, tableInForce } from '#homeostasis'
import { random } from '../bench/judgement/sets.ts'

const day = 86_400_000
const now = 1000 * day
const common = Array.from({ length: 30 }, (_, i) => pairCode(i % 10, i % 7, 1 + (i % 5)))
const own = (i: number, n: number) => Array.from({ length: n }, (_, j) => pairCode(100 + i, 200 + j, 1))

function donor(name: string, codes: number[], since = now - 30 * day): Donor {
  const profile = new FleetProfile(6)
  for (let i = 0; i < 8; i++) profile.learn(codes, since)
  return { peer: name, name, profile }
}
const donors = (count: number, more: (i: number) => number[] = () => []) =>
  Array.from({ length: count }, (_, i) => donor(`h${i}`, [...common, ...more(i)]))
const made = (plan: ReturnType<typeof adoption>): Adoption => {
  if ('tooFew' in plan) throw new Error('too few donors')
  return plan
}

test('the pairs that three donors have; what one or two say is left out and counted', () => {
  const plan = made(
    adoption(
      donors(16, (i) => [...(i < 3 ? own(1, 4) : []), ...(i < 2 ? own(2, 5) : [])]),
      now,
    ),
  )
  assert.equal(plan.quorum, 3)
  assert.equal(plan.pairs.size, 34)
  assert.deepEqual(plan.leftOut, { tooFew: 5, young: 0 })
  assert.deepEqual(new Set(plan.weak), new Set(own(1, 4)))
})

test('two are believed of fewer than eight donors, and it is said; none below four', () => {
  const few = made(
    adoption(
      donors(7, (i) => (i < 2 ? own(1, 4) : [])),
      now,
    ),
  )
  assert.equal(few.quorum, 2)
  assert.equal(few.pairs.size, 34)
  assert.match(adoptionText('/usr/bin/less', few), /fewer than 8 donors: two are believed/)
  const none = adoption(donors(3), now)
  assert.deepEqual(none, { tooFew: { known: 3, eligible: 3 } })
  assert.match(adoptionText('/usr/bin/less', none), /nothing is adopted: 3 of 3 hosts .* 4 are needed/)
})

test('pairs younger than a week on a donor, borrowed, or never seen there do not count', () => {
  const young = donors(8)
  for (const { profile } of young.slice(0, 6))
    for (const code of own(1, 2))
      profile.pairs.set(code, { first: 9, seen: 1, since: now - 6 * day, borrowed: false })
  for (const { profile } of young)
    for (const code of own(2, 3)) profile.pairs.set(code, { first: 9, seen: 9, since: 0, borrowed: true })
  const plan = made(adoption(young, now))
  assert.equal(plan.pairs.size, common.length)
  assert.deepEqual(plan.leftOut, { tooFew: 0, young: 5 })
  assert.equal(plan.donors[0]!.young, 2)
  assert.equal(plan.donors[7]!.borrowed, 3)
  assert.match(adoptionText('x', plan), /from h0: 35 pairs of 8 processes, 2 too young, 3 borrowed/)
})

test('two colluding donors of sixteen put nothing in, three do', () => {
  for (const liars of [2, 3])
    assert.equal(
      made(
        adoption(
          donors(16, (i) => (i < liars ? own(1, 21) : [])),
          now,
        ),
      ).pairs.size,
      common.length + (liars < 3 ? 0 : 21),
    )
})

test('donors of different windows are refused', () => {
  const other = { ...donor('w9', common), profile: new FleetProfile(9) }
  assert.throws(() => adoption([...donors(8), other], now), RangeError)
})

test('adopted pairs are not vouched for until seen here, and then not at once', () => {
  const profile = adopted(made(adoption(donors(16), now)), now)
  const [code] = common
  assert.equal(answerOf(profile.pairs.get(code!), now + 900 * day), NOT_VOUCHED)
  for (let i = 0; i < 3; i++) profile.learn(common, now + 10 * day)
  assert.equal(profile.pairs.get(code!)?.first, 1)
  assert.equal(answerOf(profile.pairs.get(code!), now + 12 * day), NOT_VOUCHED)
  assert.equal(answerOf(profile.pairs.get(code!), now + 13 * day), 1)
})

test('the first five processes are learned silently, then every novelty is asked about', () => {
  assert.equal(signalOf(4, 9), 'learn')
  assert.equal(signalOf(5, 0), 'nothing')
  assert.equal(signalOf(5, 1), 'ask')
})

test('a profile file of what is adopted: normal, all of it borrowed, where it is from', () => {
  const plan = made(adoption(donors(16), now))
  const key = { binary: '/usr/bin/less', abi: 'x86-64', window: 6, sha256: 'ab'.repeat(32) } as const
  const record = decodeProfile(encodeProfile(adoptedRecord(key, 'symbol', plan, now)))
  assert.equal(tableInForce(record).pairs, common.length)
  assert.ok([...record.support!.values()].every(({ borrowed }) => borrowed))
  assert.match(record.about.adopted!, /30 pairs that 3 of 16 donors have/)
  assert.throws(() => adoptedRecord({ ...key, window: 9 }, 'symbol', plan, now), RangeError)
})

test('donors: enough processes, members for a week, random, five of one owner', () => {
  const candidate = (i: number, more: Partial<DonorCandidate> = {}): DonorCandidate => ({
    peer: `${i}`,
    name: `h${i}`,
    processes: 5,
    memberSince: now - 8 * day,
    ...more,
  })
  const next = random(1)
  const many = Array.from({ length: 30 }, (_, i) => candidate(i, i < 20 ? { tag: 'one' } : {}))
  const chosen = chooseDonors(many, now, next)
  assert.ok('donors' in chosen)
  assert.ok(chosen.donors.length >= 15 && chosen.donors.filter(({ tag }) => tag).length <= 5)
  const bad = [candidate(1, { processes: 4 }), candidate(2, { memberSince: now - 6 * day })]
  assert.deepEqual(chooseDonors([...bad, candidate(3), candidate(4), candidate(5)], now, next), {
    tooFew: { known: 5, eligible: 3 },
  })
})
