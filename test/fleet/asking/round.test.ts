import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  AskRound,
  answersOf,
  askDefaults,
  type Candidate,
  FleetProfile,
  KNOWN,
  type PairAnswer,
  PairHash,
  Sketch,
  UNKNOWN,
  wordOn,
} from '#fleet'
import { pairCode } from '#homeostasis'
import { random } from '../../bench/judgement/sets.ts'

const hour = 3_600_000
const now = 1000 * hour
const hash = new PairHash(Buffer.alloc(32, 3))
const settings = { ...askDefaults, peers: 15, quorum: 3 }
const common = Array.from({ length: 500 }, (_, i) => pairCode(i % 40, Math.floor(i / 40), 1 + (i % 5)))
const novel = Array.from({ length: 10 }, (_, i) => pairCode(i, 20 + i, 1 + (i % 5)))

function peers(count: number, knowing: number, made = now - hour) {
  const profiles = new Map<string, FleetProfile>()
  const candidates: Candidate[] = []
  for (let i = 0; i < count; i++) {
    const profile = new FleetProfile(6)
    for (let n = 0; n < 8; n++) profile.learn(i < knowing ? [...common, ...novel] : common, now - 48 * hour)
    profiles.set(`${i}`, profile)
    candidates.push({ peer: `${i}`, sketch: Sketch.of(hash.hash(profile.pairs.keys())), made })
  }
  return { profiles, candidates }
}
const own = new Map(common.map((code) => [code, true]))
const round = (candidates: Candidate[], codes = novel, seed = 1) =>
  new AskRound(own, codes, candidates, { settings, hash, random: random(seed) })
const hearAll = (of: AskRound, profiles: Map<string, FleetProfile>) => {
  for (const { peer } of of.ask) of.hear(peer, answersOf(profiles.get(peer)!, of.codes, now), now)
}

test('what three peers know is familiar; only they are asked', () => {
  const { profiles, candidates } = peers(15, 14)
  const asking = round(candidates)
  assert.ok(!asking.screened && asking.ask.length >= 14)
  assert.ok(!asking.done)
  hearAll(asking, profiles)
  assert.ok(asking.done)
  assert.equal(asking.verdict.kind, 'familiar')
  assert.equal(asking.verdict.known, 14)
  assert.equal(asking.verdict.asked, 15)
})

test('what the digests deny is unfamiliar, and nobody is asked', () => {
  const { candidates } = peers(15, 2)
  const asking = round(candidates)
  assert.ok(asking.screened)
  assert.deepEqual(asking.ask, [])
  assert.equal(asking.verdict.kind, 'unfamiliar')
  assert.equal(asking.verdict.asked, 15)
})

test('screening never changes the verdict', () => {
  for (const knowing of [0, 1, 2, 3, 4, 10])
    for (let seed = 1; seed < 6; seed++) {
      const { profiles, candidates } = peers(20, knowing)
      const screened = round(candidates, novel, seed)
      hearAll(screened, profiles)
      const blind = new AskRound(
        own,
        novel,
        candidates.map(({ peer }) => ({ peer })),
        { settings, hash, random: random(seed) },
      )
      hearAll(blind, profiles)
      assert.equal(screened.verdict.kind, blind.verdict.kind)
    }
})

test('eight decoys that neither this host nor those asked know; they and the real ones are in order', () => {
  const { candidates } = peers(15, 15)
  const asking = round(candidates)
  assert.equal(asking.decoys.size, 8)
  assert.deepEqual(
    asking.codes,
    [...asking.codes].sort((a, b) => a - b),
  )
  for (const code of asking.decoys) {
    assert.ok(!own.has(code) && !novel.includes(code))
    for (const { sketch } of asking.ask) assert.ok(!sketch!.has(code, hash))
  }
  assert.notDeepEqual(asking.decoys, round(candidates, novel, 2).decoys)
})

test('yes to all is found out by decoys at once, and does not count', () => {
  const { profiles, candidates } = peers(15, 5)
  const asking = round(candidates)
  const [liar] = asking.ask
  const lie = asking.hear(
    liar!.peer,
    asking.codes.map((): PairAnswer => KNOWN),
    now,
  )
  assert.equal(lie?.decoys, 8)
  assert.ok(lie.proven)
  assert.equal(asking.liars.length, 1)
  for (const { peer } of asking.ask.slice(1))
    asking.hear(peer, answersOf(profiles.get(peer)!, asking.codes, now), now)
  assert.equal(asking.verdict.asked, 14)
})

test('a yes that the own digest of the last day denies is a proven lie; of an older digest it is not', () => {
  const { candidates } = peers(14, 4)
  const knowing = { ...candidates[0]!, peer: 'half' }
  const half = new Set([...common, ...novel.slice(0, 5)])
  const of = (made: number): Candidate => ({ ...knowing, sketch: Sketch.of(hash.hash(half)), made })
  for (const [age, proven] of [
    [1, true],
    [25, false],
  ] as const) {
    const asking = round([...candidates, of(now - age * hour)])
    const word = asking.codes.map((code): PairAnswer => (novel.includes(code) ? KNOWN : UNKNOWN))
    assert.equal(asking.hear('half', word, now)?.proven, proven ? true : undefined)
  }
})

test('no reply is no word; an answer counts once, and only of those asked', () => {
  const { profiles, candidates } = peers(15, 15)
  const asking = round(candidates)
  for (const { peer } of asking.ask.slice(0, 9)) asking.unheard(peer)
  const rest = asking.ask.slice(9)
  for (let twice = 0; twice < 2; twice++)
    for (const { peer } of rest) asking.hear(peer, answersOf(profiles.get(peer)!, asking.codes, now), now)
  asking.hear(
    'stranger',
    asking.codes.map((): PairAnswer => KNOWN),
    now,
  )
  asking.hear(asking.ask[0]!.peer, answersOf(profiles.get('0')!, asking.codes, now), now)
  assert.ok(asking.done)
  assert.equal(asking.verdict.asked, 6)
  assert.equal(asking.verdict.kind, 'not-asked-enough')
})

test('nobody is asked about another program, calls that have no place, or by a fleet too small', () => {
  const { candidates } = peers(15, 15)
  const many = Array.from({ length: 257 }, (_, i) => pairCode(i, 300, 1))
  assert.equal(round(candidates, many).notAsked, 'too-many-pairs')
  assert.equal(round(candidates, [pairCode(1024, 1, 1)]).notAsked, 'foreign-calls')
  const small = round(candidates.slice(0, 6))
  assert.equal(small.notAsked, 'too-few-peers')
  assert.deepEqual(small.ask, [])
  assert.equal(small.verdict.kind, 'not-asked-enough')
})

test('an honest host never contradicts its digest: what that denies is not vouched for', () => {
  const profile = new FleetProfile(6)
  profile.learn([...common, ...novel], now - 48 * hour)
  const announced = [{ made: now - hour, sketch: Sketch.of(hash.hash(common)) }]
  assert.deepEqual(new Set(wordOn(profile, novel, announced, hash, now)), new Set([2]))
  const old = [{ made: now - 25 * hour, sketch: announced[0]!.sketch }]
  assert.deepEqual(new Set(wordOn(profile, novel, old, hash, now)), new Set([1]))
})
