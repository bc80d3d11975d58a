import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encode } from 'cborg'
import {
  actOnRecord,
  checkJudgementBody,
  condensed,
  countsAlone,
  DEFAULT_SETTINGS,
  decodeProfile,
  type ExecEdge,
  encodeProfile,
  HELD_CALLS_LIMIT,
  Judgement,
  judgementBody,
  judgementDigest,
  judgementFrom,
  measureUnit,
  Profile,
  QUARANTINE_UNITS,
  recordOf,
  Supports,
  spokenParts,
  UNIT_CALLS,
  type Verdict,
  verdictLevel,
} from '#homeostasis'

const NORMAL = Uint16Array.from({ length: 40 }, (_, i) => i % 8)
const ODD = Uint16Array.from([...NORMAL, 100, 101, 102, 103, 104, 105, 106, 107, 108])
const take = (judgement: Judgement, calls: Uint16Array, edges: ExecEdge[] = []): Verdict =>
  judgement.take({ score: measureUnit(judgement.supports, calls), runs: [calls], edges })
const bitsOf = (judgement: Judgement, calls: Uint16Array) =>
  judgement.judge(measureUnit(judgement.supports, calls)).bits

function learned(units = 64): Judgement {
  const judgement = new Judgement(new Supports(9))
  for (let i = 0; i < units; i++) take(judgement, NORMAL)
  judgement.settle()
  return judgement
}

describe('learning', () => {
  it('gives a yardstick of the units of its later half, the first eight left out', () => {
    assert.equal(learned(64).calibration?.m, 32)
    assert.equal(learned(24).calibration?.m, 12)
    assert.equal(learned(12).calibration, undefined)
    assert.equal(learned(600).calibration?.m, 300)
    assert.equal(learned(3000).calibration?.m, 512)
  })

  it('judges nothing before it is settled, nor from fewer than 8 units', () => {
    const judgement = learned(12)
    assert.equal(judgement.comparable, 4)
    const verdict = judgement.judge(measureUnit(judgement.supports, ODD))
    assert.equal(verdict.bits, undefined)
    assert.ok(verdict.n > 0, 'facts are shown')
    assert.equal(verdictLevel(verdict), 'none')
    assert.equal(verdict.m, 4)
  })

  it('goes on until there are enough units', () => {
    const judgement = learned(12)
    for (let i = 0; i < 3; i++) assert.equal(take(judgement, NORMAL).bits, undefined)
    take(judgement, NORMAL)
    assert.equal(judgement.calibration?.m, 8)
    assert.notEqual(take(judgement, NORMAL).bits, undefined)
  })

  it('compares before it learns', () => {
    const judgement = new Judgement(new Supports(9))
    assert.ok(take(judgement, NORMAL).n > 0)
    assert.equal(take(judgement, NORMAL).n, 0)
  })
})

describe('a settled judgement', () => {
  it('learns what is not odd at once', () => {
    const judgement = learned()
    take(judgement, NORMAL)
    assert.equal(judgement.supports.n, 65)
    assert.equal(judgement.gauge().quarantine.waiting, 0)
  })

  it('learns an odd unit 64 units later', () => {
    const judgement = learned()
    const verdict = take(judgement, ODD)
    assert.equal(verdictLevel(verdict), 'severe')
    assert.ok(spokenParts(verdict).includes('n'))
    assert.equal(judgement.supports.n, 64)
    for (let i = 1; i < QUARANTINE_UNITS; i++) take(judgement, NORMAL)
    assert.equal(judgement.gauge().quarantine.waiting, 1)
    const before = bitsOf(judgement, ODD)!
    take(judgement, NORMAL)
    assert.equal(judgement.gauge().quarantine.waiting, 0)
    assert.equal(judgement.supports.n, 64 + 64 + 1)
    assert.equal(judgement.parts().ring.filter(({ ordinal }) => ordinal === 64).length, 2, 'it counts twice')
    assert.ok(bitsOf(judgement, ODD)! < before)
  })

  it('drops its quarantine when odd units recur, and learns them on the word of the operator alone', () => {
    const judgement = learned()
    const bits = bitsOf(judgement, ODD)
    const recurring = Array.from({ length: 4 }, () => take(judgement, ODD).recurring)
    assert.deepEqual(recurring, [false, false, false, true])
    const { waiting, aside } = judgement.gauge().quarantine
    assert.deepEqual({ waiting, aside }, { waiting: 0, aside: 4 })
    assert.ok(
      judgement.parts().ring.every(({ ordinal }) => ordinal < 64),
      'they left the ring',
    )
    for (let i = 0; i < 600; i++) take(judgement, NORMAL)
    assert.ok(bitsOf(judgement, ODD)! >= bits!, 'they are no yardstick either')
    assert.equal(judgement.supports.n, 64 + 600)
    assert.equal(judgement.tolerate(), 4)
    assert.equal(judgement.supports.n, 64 + 604)
    assert.equal(measureUnit(judgement.supports, ODD).n, 0)
  })

  it('cannot be worn down by a burst', () => {
    const judgement = learned()
    for (let i = 0; i < 1000; i++) assert.ok(take(judgement, ODD).bits! >= 12, `unit ${i}`)
    assert.ok(judgement.gauge().quarantine.aside <= QUARANTINE_UNITS)
  })

  it('calibrates anew after 256 learned units', () => {
    const judgement = learned()
    for (let i = 0; i < 255; i++) take(judgement, NORMAL)
    assert.equal(judgement.calibration?.m, 32)
    take(judgement, NORMAL)
    assert.equal(judgement.calibration?.m, 64 - 8 + 256)
  })

  it('holds back the units of a confirmed incident', () => {
    const judgement = learned()
    take(judgement, ODD)
    judgement.confirm(new Set([64]))
    for (let i = 0; i < 300; i++) take(judgement, NORMAL)
    assert.equal(judgement.supports.n, 64 + 300)
    assert.equal(judgement.calibration?.q, 0)
  })

  it('holds a bounded number of calls in quarantine', () => {
    const judgement = learned()
    // Within the frame of one unit, so that J stays low enough not to ring: only the quarantine is meant here.
    const long = Uint16Array.from({ length: UNIT_CALLS }, (_, i) => (i * 7919) % 509)
    for (let i = 0; i < 40; i++) {
      judgement.take({ score: { n: 0, r: 10, s: 0 }, runs: [long] })
      for (let j = 0; j < 3; j++) take(judgement, NORMAL)
    }
    const { calls, limit } = judgement.gauge().quarantine
    assert.equal(limit, 2 * HELD_CALLS_LIMIT)
    assert.ok(calls <= limit, `${calls}`)
  })
})

describe('exec edges', () => {
  const edge = { parent: '/usr/bin/git', started: '/usr/bin/id' }
  it('are learned with their unit, and severe where they are new to a unit that is odd as well', () => {
    const judgement = learned()
    const verdict = take(judgement, NORMAL, [edge])
    assert.deepEqual(verdict.newEdges, [edge])
    assert.equal(verdictLevel(verdict), 'incident')
    assert.deepEqual(spokenParts(verdict), ['edge'])
    assert.deepEqual(take(judgement, NORMAL, [edge]).newEdges, [])
    const other = { ...edge, started: '/bin/sh' }
    assert.equal(verdictLevel(take(judgement, ODD, [other])), 'severe')
    assert.deepEqual(take(judgement, NORMAL, [other]).newEdges, [other], 'it waits with its unit')
  })
})

describe('the same path too often', () => {
  it('recurs, though nothing of it is new', () => {
    const judgement = new Judgement(new Supports(9))
    const rare = Uint16Array.from([...NORMAL, 50, 51, 52, 53])
    for (let i = 0; i < 1024; i++) take(judgement, i % 300 === 299 ? rare : NORMAL)
    judgement.settle()
    let first: number | undefined
    for (let i = 0; i < 64 && first === undefined; i++) {
      const verdict = take(judgement, rare)
      assert.equal(verdict.n, 0)
      if (verdict.recurring) first = i
    }
    assert.ok(first !== undefined, 'it is an incident')
  })
})

describe('condensed calls', () => {
  it('are short for a loop, and lose no gram or pair', () => {
    const loop = Uint16Array.from({ length: UNIT_CALLS }, (_, i) => (i < 5000 ? i % 6 : 10 + (i % 4)))
    const runs = condensed(loop)
    assert.ok(runs.reduce((sum, run) => sum + run.length, 0) < 100)
    const learn = (given: Uint16Array[]) => {
      const judgement = new Judgement(new Supports(9))
      judgement.take({ score: { n: 0, r: 0, s: 0 }, runs: given })
      return judgementBody(judgement)
    }
    assert.deepEqual(learn(runs), learn([loop]))
    assert.deepEqual(condensed(Uint16Array.of(1, 2, 3)), [Uint16Array.of(1, 2, 3)])
  })
})

describe('a saved judgement', () => {
  it('goes on where it was, with what waited', () => {
    const judgement = learned(600)
    take(judgement, ODD)
    take(judgement, NORMAL, [{ parent: '/bin/a', started: '/bin/b' }])
    const again = judgementFrom(judgementBody(judgement), 99)
    assert.deepEqual(judgementBody(again), judgementBody(judgement))
    assert.equal(again.gauge().quarantine.waiting, 1)
    again.confirm(new Set([600]))
    assert.equal(judgementFrom(judgementBody(again)).gauge().quarantine.aside, 1)
    assert.equal(again.tolerate(new Set([600])), 1)
    assert.equal(again.supports.n, judgement.supports.n + 1)
    for (const calls of [NORMAL, ODD, NORMAL.subarray(0, 5)])
      assert.equal(bitsOf(again, calls), bitsOf(judgement, calls))
    assert.ok(again.knows({ parent: '/bin/a', started: '/bin/b' }))
  })

  it('leaves the host as counts alone', () => {
    const body = judgementBody(learned(600))
    const { units, learned: n, m, settled } = judgementDigest(body)
    assert.deepEqual([units, n, settled], [600, 600, true])
    assert.ok(m >= 256)
    const shared = checkJudgementBody(countsAlone(body))
    assert.deepEqual(judgementDigest(shared), {
      units,
      learned: n,
      settled: false,
      m: 0,
      calibration: undefined,
    })
    assert.ok(encode(shared).length < 200)
  })

  it('is forgotten with training, and kept with it', () => {
    const key = { binary: '/bin/a', abi: 'x86-64' as const, window: 9, sha256: '' }
    const profile = new Profile(key, { ...DEFAULT_SETTINGS, window: 9 })
    const record = { ...recordOf(profile, { since: 0, made: 0 }), judgement: judgementBody(learned()) }
    for (const verb of ['normalize', 'tolerize'] as const)
      assert.deepEqual(actOnRecord(record, verb, 1).judgement, record.judgement)
    for (const verb of ['sensitize', 'reset'] as const)
      assert.equal(actOnRecord(record, verb, 1).judgement, undefined)
  })

  it('is refused in a profile of another window', () => {
    const key = { binary: '/bin/a', abi: 'x86-64' as const, window: 6, sha256: '' }
    const profile = new Profile(key, DEFAULT_SETTINGS)
    const record = { ...recordOf(profile, { since: 0, made: 0 }), judgement: judgementBody(learned()) }
    assert.throws(() => decodeProfile(encodeProfile(record)), /the window of its judgement is another/)
  })
})
