/**
 * The judgement against a literal transcription of its formulas, against itself driven by a kernel sensor's events,
 * and its files against damage.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decode, encode } from 'cborg'
import fc from 'fast-check'
import {
  Calibration,
  checkJudgementBody,
  DEFAULT_SETTINGS,
  decodeProfile,
  encodeProfile,
  type GramEvent,
  gramSlots,
  HEAD_CALLS,
  Judgement,
  judgementBody,
  judgementFrom,
  measureReport,
  measureUnit,
  type Observables,
  Profile,
  type ProfileRecord,
  recordOf,
  SlotTable,
  Supports,
  type UnitReport,
} from '#homeostasis'
import { LiteralJudge } from './literal-judgement.ts'

/** Units of few calls in loops with rare strangers, as programs make them. */
const someUnit = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom([0, 1, 2, 3], [0, 1, 2, 4], [5, 6], [7, 7, 7]) },
      { weight: 1, arbitrary: fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 4 }) },
      { weight: 1, arbitrary: fc.constant([600, 4095]) },
    ),
    { maxLength: 60 },
  )
  .map((loops) => Uint16Array.from(loops.flat()))
const someUnits = fc.array(someUnit, { minLength: 0, maxLength: 12 })
const someWindow = fc.integer({ min: 2, max: 9 })
const supportsOf = (window: number, units: readonly Uint16Array[]) => {
  const supports = new Supports(window)
  for (const unit of units) supports.learn([unit])
  return supports
}
const bodyOf = (supports: Supports) => judgementBody(new Judgement(asParts(supports)))
const asParts = (supports: Supports) => ({
  supports,
  edges: [],
  units: supports.n,
  settled: false,
  sinceCalibrated: 0,
  ring: [],
  calibration: undefined,
  u: 0,
  quarantineU: 0,
})

describe('a measured unit', () => {
  it('has the N, R and S of the literal formulas', () => {
    fc.assert(
      fc.property(someWindow, someUnits, someUnit, (window, units, unit) => {
        const literal = new LiteralJudge(window)
        for (const one of units) literal.learn([...one])
        const { n, r, s } = measureUnit(supportsOf(window, units), unit)
        assert.deepEqual({ n, r, s }, literal.measure([...unit]))
      }),
      { numRuns: 300 },
    )
  })

  it('does not depend on the order in which units were learned', () => {
    fc.assert(
      fc.property(someWindow, someUnits, someUnit, fc.nat(), (window, units, unit, turn) => {
        const at = turn % Math.max(1, units.length)
        const turned = [...units.slice(at), ...units.slice(0, at)].reverse()
        assert.deepEqual(
          measureUnit(supportsOf(window, turned), unit),
          measureUnit(supportsOf(window, units), unit),
        )
        assert.deepEqual(bodyOf(supportsOf(window, turned)), bodyOf(supportsOf(window, units)))
      }),
    )
  })

  it('has no novelty once it was learned, and no more than before when anything was', () => {
    fc.assert(
      fc.property(someWindow, someUnits, someUnit, (window, units, unit) => {
        const supports = supportsOf(window, units)
        supports.learn([unit])
        assert.equal(measureUnit(supports, unit).n, 0)
      }),
    )
  })
})

/** Where each gram that found a place stands. */
function placesOf(table: SlotTable): Map<string, number> {
  const places = new Map<string, number>()
  for (let place = 0; place < table.slots.length; place++) {
    const one = new Uint8Array(table.slots.length / 8)
    one[place >> 3] = 1 << (place & 7)
    for (const gram of table.touched(table.version, one)!) places.set(gram.join(), place)
  }
  return places
}

/** A kernel sensor as the recipe has it: a table of slots, a bitmap, sums; each window without a slot told once. */
function kernelTells(supports: Supports, calls: Uint16Array, table: SlotTable): UnitReport {
  const places = placesOf(table)
  const entries = new Map<string, { cost: number; rare: boolean }>()
  // What found no place is to the kernel as if it had not been learned.
  for (const { gram, cost, rare } of gramSlots(supports, supports.n + 16))
    if (places.has(gram.join())) entries.set(gram.join(), { cost, rare })
  const events = new Map<string, GramEvent>()
  const touched = new Set<string>()
  let sum = 0
  for (let at = 7; at < calls.length; at++) {
    const key = calls.slice(at - 7, at + 1).join()
    const slot = entries.get(key)
    const far = supports.window === 9 && at > 7
    const unknown = far && !supports.pairs.has(calls[at]!, calls[at - 8]!, 8)
    const told = slot === undefined || (slot.rare && !touched.has(key)) || unknown
    if (slot) {
      sum += slot.cost
      touched.add(key)
    }
    if (!told) continue
    const window = `${far ? calls[at - 8] : ''}:${key}`
    const event = events.get(window)
    if (event) event.times++
    else
      events.set(window, {
        at,
        calls: calls.slice(Math.max(0, at - 8), at + 1),
        slot: slot !== undefined,
        times: 1,
      })
  }
  const bits = new Uint8Array(table.slots.length / 8)
  for (const key of touched) bits[places.get(key)! >> 3]! |= 1 << (places.get(key)! & 7)
  return {
    head: calls.slice(0, HEAD_CALLS),
    events: [...events.values()],
    calls: calls.length,
    cost: sum,
    touched: table.touched(table.version, bits)!,
  }
}

describe('a unit out of a kernel sensor’s report', () => {
  it('has the same numbers, and teaches the same, as its calls', () => {
    fc.assert(
      fc.property(someWindow, someUnits, someUnit, (window, units, unit) => {
        const supports = supportsOf(window, units)
        const table = new SlotTable(7)
        table.write(supports, supports.n + 16)
        const { score, runs } = measureReport(supports, kernelTells(supports, unit, table))
        const { n, r, s, calls } = measureUnit(supports, unit)
        assert.deepEqual({ n: score.n, r: score.r, s: score.s, calls: score.calls }, { n, r, s, calls })
        supports.learn(runs)
        assert.deepEqual(bodyOf(supports), bodyOf(supportsOf(window, [...units, unit])))
      }),
      { numRuns: 200 },
    )
  })
})

describe('a table of slots', () => {
  it('keeps places while it grows, tells of what was replaced, and forgets what is too old', () => {
    fc.assert(
      fc.property(someWindow, fc.array(someUnit, { minLength: 1, maxLength: 8 }), (window, units) => {
        const supports = new Supports(window)
        const table = new SlotTable(0xffff_ffff)
        for (const unit of units) {
          supports.learn([unit])
          table.write(supports, supports.n)
        }
        const all = new Uint8Array(table.slots.length / 8).fill(255)
        const grams = [...gramSlots(supports)].map(({ gram }) => gram.join()).sort()
        const there = table
          .touched(table.version, all)!
          .map((gram) => gram.join())
          .sort()
        // At window 9 pairs have slots as well, and may be among those that found none.
        const homeless = grams.length - there.length
        if (window < 9) assert.equal(homeless, table.gauge().homeless)
        else assert.ok(homeless >= 0 && homeless <= table.gauge().homeless)
        assert.ok(there.every((gram) => grams.includes(gram)))
        assert.equal(table.touched(table.version - 50, all), undefined)
      }),
      { numRuns: 50 },
    )
  })
})

const someObservables: fc.Arbitrary<Observables> = fc.record({
  n: fc.integer({ min: 0, max: 60 }).map((half) => half / 2),
  r: fc.integer({ min: 0, max: 800 }).map((steps) => steps / 16),
  s: fc.integer({ min: 0, max: 1000 }).map((part) => part / 250),
})

describe('a calibration', () => {
  it('never gives fewer bits for more of anything, nor more than it may claim', () => {
    fc.assert(
      fc.property(
        fc.array(someObservables, { minLength: 8, maxLength: 300 }),
        someObservables,
        someObservables,
        (units, unit, more) => {
          const calibration = new Calibration(units)
          const less = calibration.judge(unit).bits
          const larger = calibration.judge({
            n: unit.n + more.n,
            r: unit.r + more.r,
            s: unit.s + more.s,
          }).bits
          assert.ok(larger >= less - 1e-9, `${larger} < ${less}`)
          assert.ok(less >= 0 && larger <= calibration.most)
        },
      ),
    )
  })

  it('keeps its promise on the units it was made of, and does not mind their order', () => {
    fc.assert(
      fc.property(fc.array(someObservables, { minLength: 8, maxLength: 256 }), (units) => {
        const bits = units.map((unit) => new Calibration(units).judge(unit).bits)
        const turned = new Calibration([...units].reverse())
        assert.deepEqual(
          units.map((unit) => turned.judge(unit).bits),
          bits,
        )
        for (const bar of [1, 2, 3, 4])
          assert.ok(bits.filter((one) => one >= bar).length <= (units.length + 1) * 2 ** -bar)
      }),
      { numRuns: 40 },
    )
  })
})

describe('a judgement of any units', () => {
  it('stays within its bounds', () => {
    fc.assert(
      fc.property(fc.array(someUnit, { maxLength: 200 }), fc.nat(100), (units, settleAt) => {
        const judgement = new Judgement(new Supports(9, 64))
        for (const [i, unit] of units.entries()) {
          if (i === settleAt) judgement.settle()
          judgement.take({ score: measureUnit(judgement.supports, unit), runs: [unit] })
        }
        const { grams, quarantine } = judgement.gauge()
        for (const { grams: count, limit } of Object.values(grams)) assert.ok(count <= limit && limit === 64)
        assert.ok(quarantine.waiting <= 64 && quarantine.aside <= 64 && quarantine.calls <= quarantine.limit)
        assert.ok(judgement.parts().ring.length <= 576)
        assert.ok(judgement.supports.n <= judgement.units)
      }),
      { numRuns: 40 },
    )
  })
})

function someRecord(units: readonly Uint16Array[]): ProfileRecord {
  const judgement = new Judgement(new Supports(9))
  for (const [i, unit] of units.entries())
    judgement.take({
      score: measureUnit(judgement.supports, unit),
      runs: [unit],
      edges: [{ parent: '/bin/a', started: `/bin/${i % 3}` }],
    })
  judgement.settle()
  const key = { binary: '/bin/a', abi: 'x86-64' as const, window: 9, sha256: '' }
  const profile = new Profile(key, { ...DEFAULT_SETTINGS, window: 9 })
  return { ...recordOf(profile, { since: 0, made: 0 }), judgement: judgementBody(judgement) }
}

describe('a profile file with a judgement', () => {
  const manyUnits = fc.array(someUnit, { minLength: 0, maxLength: 40 })

  it('comes back as it was', () => {
    fc.assert(
      fc.property(manyUnits, (units) => {
        const record = someRecord(units)
        const file = encodeProfile(record)
        const again = decodeProfile(file)
        assert.deepEqual(encodeProfile(again), file)
        assert.deepEqual(judgementBody(judgementFrom(again.judgement!)), record.judgement)
      }),
      { numRuns: 60 },
    )
  })

  it('is refused, not believed, where its judgement was changed', () => {
    const plain = decode(
      encode(
        someRecord(Array.from({ length: 30 }, (_, i) => Uint16Array.of(1, 2, 3, i % 5, 9, 8, 7, 6, 5)))
          .judgement,
      ),
    ) as Record<string, unknown>
    checkJudgementBody(plain)
    const refused = (change: Record<string, unknown>) =>
      assert.throws(
        () => checkJudgementBody({ ...plain, ...change }),
        /^Error: its judgement: /,
        JSON.stringify(change),
      )
    for (const field of Object.keys(plain))
      for (const wrong of [undefined, null, -1, 'x', {}, [[]], Uint8Array.of(1)]) refused({ [field]: wrong })
    refused({ version: 2 })
    refused({ window: 1 })
    refused({ counts: [31, 30, 1, 0] })
    refused({ counts: [0, 30, 1, 0] })
    refused({
      edges: [
        ['b', 'b'],
        ['a', 'a'],
      ],
    })
    refused({ recurrence: new Uint8Array(Float64Array.of(0, 16).buffer) })
    refused({ ring: new Uint8Array(Float64Array.of(1, 2, Number.NaN, 4).buffer) })
    refused({ ring: new Uint8Array(Float64Array.of(1, 2, 3, 30).buffer) })
    refused({ calibration: new Uint8Array(3 * 8 * 7) })
    const [singles] = plain.grams as [Uint8Array, Uint8Array][]
    refused({
      grams: [[singles![0], new Uint8Array(singles![1].length)], ...(plain.grams as unknown[]).slice(1)],
    })
    refused({ grams: [[singles![0].slice().reverse(), singles![1]], ...(plain.grams as unknown[]).slice(1)] })
  })

  it('survives any damage to a byte', () => {
    const bytes = encode(someRecord([Uint16Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9)]).judgement)
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = bytes.slice()
        damaged[at] = damaged[at]! ^ change
        let body: unknown
        try {
          body = decode(damaged)
        } catch {
          return
        }
        try {
          const checked = checkJudgementBody(body)
          // What is accepted is a judgement like any other: it can be made, used and written again.
          assert.deepEqual(judgementBody(judgementFrom(checked)), checked)
        } catch (error) {
          assert.match((error as Error).message, /^its judgement: /)
        }
      }),
      { numRuns: 2000 },
    )
  })
})
