/** pH's golden vectors: what its formulas give on small inputs, found by another implementation. Window 9, frame 128. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DEFAULT_SETTINGS, delayMs, type Outcome, Profile, type Settings } from '#homeostasis'

const settings: Settings = { ...DEFAULT_SETTINGS, window: 9 }
const key = { binary: '/bin/golden', abi: 'x86-64' as const, window: 9, sha256: '' }
const fresh = (over: Partial<Settings> = {}) => new Profile(key, { ...settings, ...over })

/** Feeds a cycle of `length` distinct calls until the profile is frozen; gives back the number of that call. */
function untilFrozen(profile: Profile, length: number): number {
  const task = profile.begin()
  for (let n = 1; n <= 1000; n++) if (profile.process(task, (n - 1) % length, 0).frozen) return n
  throw new Error('never frozen')
}

/** A 3-call cycle that has become normal, and its task in the middle of the cycle. */
function normalCycle(over: Partial<Settings> = {}) {
  const profile = fresh(over)
  const task = profile.begin()
  let n = 0
  const next = () => n++ % 3
  while (!profile.frozen) profile.process(task, next(), 0)
  const start = profile.normalTime + 1
  while (!profile.normal) profile.process(task, next(), start)
  const regular = (): Outcome => profile.process(task, next(), start)
  const foreign = (call: number): Outcome => profile.process(task, call, start)
  return { profile, task, regular, foreign }
}

describe('golden vectors of pH 0.18', () => {
  for (const [length, call, sequences, pairs] of [
    [1, 37, 9, 16],
    [2, 41, 10, 31],
    [3, 45, 11, 45],
    [4, 49, 12, 58],
    [5, 53, 13, 70],
    [8, 65, 16, 100],
    [10, 73, 18, 116],
    [20, 113, 28, 196],
  ] as const)
    it(`a cycle of ${length}: frozen at call ${call} with ${sequences} sequences, ${pairs} pairs`, () => {
      const profile = fresh()
      assert.equal(untilFrozen(profile, length), call)
      assert.equal(profile.train.sequences, sequences)
      assert.equal(profile.train.table.pairs, pairs)
    })

  it('five processes making one identical call: frozen at the fifth', () => {
    const profile = fresh()
    const frozen = Array.from({ length: 5 }, () => profile.process(profile.begin(), 7, 0).frozen)
    assert.deepEqual(frozen, [false, false, false, false, true])
  })

  it('becomes normal strictly after normalTime', () => {
    const profile = fresh()
    untilFrozen(profile, 1)
    const task = profile.begin()
    for (let n = 0; n < 9; n++)
      assert.equal(profile.process(task, 0, profile.normalTime).startedNormal, false)
    assert.equal(profile.normal, false)
    assert.equal(profile.process(task, 0, profile.normalTime + 1).startedNormal, true)
    assert.equal(profile.state, 'normal')
    assert.equal(profile.train.trainCount, 0)
    assert.equal(profile.test.table.pairs, profile.train.table.pairs)
  })

  it('one foreign call misses 8, 8, 7, 6, 5, 4, 3, 2, 1 and makes LFC 9', () => {
    const { regular, foreign, task } = normalCycle()
    const misses = [foreign(200).testMisses]
    for (let n = 0; n < 9; n++) misses.push(regular().testMisses)
    assert.deepEqual(misses, [8, 8, 7, 6, 5, 4, 3, 2, 1, 0])
    assert.equal(task.lfc, 9)
    assert.equal(task.maxLfc, 9)
  })

  it('the delay of that one event at factor 1 is 62 460 jiffies', () => {
    const { profile, regular, foreign, task } = normalCycle({ delayFactor: 1, delayLimit: 1_000_000 })
    profile.response = 'delay'
    const jiffies = (outcome: Outcome) => outcome.delayMs / settings.jiffyMs
    const held = [jiffies(foreign(200))]
    while (task.lfc > 0) held.push(jiffies(regular()))
    const sum = (some: number[]) => some.reduce((a, b) => a + b, 0)
    assert.equal(sum(held.slice(0, 9)), 1022)
    assert.ok(held.slice(9, 9 + 119).every((n) => n === 512))
    assert.equal(sum(held.slice(9 + 119)), 510)
    assert.equal(sum(held), 62_460)
  })

  it('a foreign call every 200: normal stops at the 32nd anomalous call, which still counts', () => {
    const { profile, regular, foreign, task } = normalCycle()
    let anomalous = 0
    let stoppedAt = 0
    for (let intrusion = 1; stoppedAt === 0; intrusion++) {
      for (let n = 0; n < 200 && stoppedAt === 0; n++) {
        const outcome = n === 0 ? foreign(200 + intrusion) : regular()
        if (outcome.anomalous) anomalous++
        if (outcome.stoppedNormal) stoppedAt = intrusion
      }
    }
    assert.equal(stoppedAt, 4)
    assert.equal(anomalous, 32)
    assert.equal(task.lfc, 1)
    assert.equal(profile.anomalies, 32)
    assert.equal(profile.normal, false)
  })

  it('every call foreign: training is reset at the 13th, the profile stays normal, anomalies 0', () => {
    const { profile, foreign } = normalCycle()
    for (let n = 1; n <= 40; n++) {
      const outcome = foreign(200 + n)
      assert.equal(outcome.anomalous, true)
      assert.equal(outcome.trainingReset, n >= 13)
      assert.equal(outcome.trainingResetBegan, n === 13)
      if (n >= 13) assert.equal(profile.anomalies, 0)
    }
    assert.equal(profile.normal, true)
    assert.equal(profile.train.table.pairs, 0)
  })

  it('delays double with LFC, in ms at HZ=100, up to exponent 30 and the limit', () => {
    const one = { delayFactor: 1, jiffyMs: 10, delayLimit: 1e9 }
    const table = [1, 5, 8, 10, 12, 16].map((lfc) => delayMs(lfc, one))
    assert.deepEqual(table, [20, 320, 2560, 10_240, 40_960, 655_360])
    assert.equal(delayMs(128, one), 10 * 2 ** 30)
    assert.equal(delayMs(0, one), 0)
    assert.equal(delayMs(20, { ...one, delayFactor: 0 }), 0)
    assert.equal(delayMs(20, { ...one, delayLimit: 5 }), 5000)
  })
})
