import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  answerOf,
  askDefaults,
  chanceInSample,
  drawPeers,
  KNOWN,
  NOT_VOUCHED,
  ownerOf,
  type PairAnswer,
  planFor,
  quorumFor,
  UNKNOWN,
  verdictOf,
  verdictText,
} from '#fleet'
import { random } from '../../bench/judgement/sets.ts'

const hour = 3_600_000
const now = 1000 * hour
const facts = (more: object) => ({ first: 3, seen: 5, since: now - 25 * hour, borrowed: false, ...more })

test('a pair is vouched for after a day, a borrowed one after three days and three processes', () => {
  assert.equal(answerOf(undefined, now), UNKNOWN)
  assert.equal(answerOf(facts({}), now), KNOWN)
  assert.equal(answerOf(facts({ since: now - 23 * hour }), now), NOT_VOUCHED)
  assert.equal(answerOf(facts({ since: now + hour }), now), NOT_VOUCHED)
  assert.equal(answerOf(facts({ borrowed: true }), now), NOT_VOUCHED)
  assert.equal(answerOf(facts({ borrowed: true, since: now - 73 * hour }), now), KNOWN)
  assert.equal(answerOf(facts({ borrowed: true, since: now - 73 * hour, seen: 2 }), now), NOT_VOUCHED)
})

test('an adopted pair is not vouched for until it was seen here', () => {
  assert.equal(
    answerOf(facts({ first: 0, seen: 0, since: now - 900 * hour, borrowed: true }), now),
    NOT_VOUCHED,
  )
})

const settings = { quorum: 3, repliesLeast: 7 }
const words = (...counts: number[]): PairAnswer[][] =>
  Array.from({ length: 15 }, (_, peer) => counts.map((count) => (peer < count ? KNOWN : UNKNOWN)))

test('every pair must be known to k; what is not vouched for is no yes', () => {
  assert.equal(verdictOf([10, 20], words(3, 15), settings).kind, 'familiar')
  const verdict = verdictOf([10, 20, 30], words(14, 2, 3), settings)
  assert.deepEqual(verdict, {
    kind: 'unfamiliar',
    asked: 15,
    known: 2,
    unfamiliar: [20],
    knownBy: [14, 2, 3],
  })
  const young = words(15).map(([one]) => [one === KNOWN ? NOT_VOUCHED : UNKNOWN] as const)
  assert.equal(verdictOf([10], young, settings).kind, 'unfamiliar')
})

test('fewer than seven replies are no verdict, whatever they say', () => {
  assert.equal(verdictOf([10], words(6).slice(0, 6), settings).kind, 'not-asked-enough')
  assert.equal(verdictOf([10], words(7).slice(0, 7), settings).kind, 'familiar')
  assert.equal(verdictOf([10], words(0).slice(0, 6), settings).kind, 'not-asked-enough')
})

test('in words', () => {
  assert.equal(verdictText(verdictOf([10], words(14), settings)), '14 of 15 know it')
  assert.equal(
    verdictText(verdictOf([10, 20], words(14, 0), settings)),
    '0 of 15 know it: 1 of 2 pairs are known to too few',
  )
  assert.equal(verdictText(verdictOf([10], [], settings)), 'not asked enough: 0 answered')
})

test("the chance that k liars are asked: the recipe's figures for 1,000 hosts", () => {
  const near = (share: number, sample: number, least: number, expected: number) => {
    const chance = chanceInSample(1000, 1000 * share, sample, least)
    assert.ok(Math.abs(chance - expected) < Math.max(expected * 0.15, 5e-5), `${chance}, not ${expected}`)
  }
  near(0.02, 15, 3, 0.003)
  near(0.05, 15, 3, 0.035)
  near(0.1, 15, 3, 0.18)
  near(0.02, 15, 4, 0.0001)
  near(0.05, 15, 4, 0.005)
  near(0.1, 15, 4, 0.054)
  near(0.02, 25, 3, 0.012)
  near(0.05, 25, 3, 0.13)
  near(0.1, 25, 3, 0.47)
  near(0.05, 16, 3, 0.043)
  near(0.05, 32, 5, 0.02)
})

test('k is the smallest with a chance of at most 4 % at 5 % liars: 3 of 15, 4 of 25, one more than all liars of all', () => {
  assert.equal(quorumFor(1000, 15), 3)
  assert.equal(quorumFor(1000, 25), 4)
  assert.equal(quorumFor(55, 55), 4)
  assert.equal(quorumFor(8, 8), 2)
  assert.deepEqual(
    [10, 40, 41, 63, 1000].map((candidates) => planFor(candidates).quorum),
    [3, 3, 4, 4, 4],
  )
})

test('whom to ask: distinct, at most five of one tag, everybody as likely', () => {
  const next = random(1)
  const peers = Array.from({ length: 40 }, (_, i) => ({
    peer: `${i}`,
    tag: i < 30 ? 'one owner' : undefined,
  }))
  const counts = new Map<string, number>()
  for (let i = 0; i < 2000; i++) {
    const drawn = drawPeers(peers, { ...askDefaults, peers: 15 }, next)
    assert.equal(new Set(drawn).size, 15)
    assert.equal(drawn.filter(({ tag }) => tag).length, 5)
    for (const { peer } of drawn) counts.set(peer, (counts.get(peer) ?? 0) + 1)
  }
  for (let i = 0; i < 30; i++) assert.ok(Math.abs(counts.get(`${i}`)! - 2000 / 6) < 80)
})

test('whose a host is: the tag that says so; of one owner alone nobody is left out', () => {
  assert.equal(ownerOf(['web', 'owner_shop', 'oslo']), 'owner_shop')
  assert.equal(ownerOf(['owner_b', 'owner_a']), 'owner_a')
  assert.equal(ownerOf(['web']), undefined)
  const next = random(1)
  const limits = { peers: 15, perTag: 5 }
  const of = (owners: (string | undefined)[]) =>
    drawPeers(
      owners.map((tag, peer) => ({ peer, tag })),
      limits,
      next,
    )
  assert.equal(of(Array.from({ length: 40 }, () => 'owner_a')).length, 15)
  const two = of(Array.from({ length: 40 }, (_, n) => (n < 30 ? 'owner_a' : 'owner_b')))
  assert.deepEqual([two.length, two.filter(({ tag }) => tag === 'owner_a').length], [10, 5])
})
