/** The week model against literal, slow forms of the same definitions. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeModel, EnvironmentError, encodeModel, ObservableModel, SlotClock } from '#environment'
import { History } from '../../src/environment/model/history.ts'
import { Tail } from '../../src/environment/model/tail.ts'
import { Timeline } from '../../src/environment/model/timeline.ts'

const MONDAY = Date.UTC(2024, 0, 1)
const SLOT = 300_000

const figure = fc.oneof(
  fc.integer({ min: -5, max: 5 }),
  fc.float({ min: -1000, max: 1000, noNaN: true }),
  fc.constantFrom(0, 1e6, -1e6),
)

test('the scan finds what comparing with every place finds', () => {
  fc.assert(
    fc.property(
      fc.array(figure, { minLength: 14, maxLength: 700, size: 'max' }),
      fc.float({ min: Math.fround(0.01), max: 100, noNaN: true }),
      (samples, scale) => {
        const history = new History()
        for (const sample of samples) history.append(sample)
        const x = Array.from(samples, Math.fround)
        const triple = (i: number) => {
          const background = x.slice(i - 13, i - 1)
          return [x[i]!, x[i - 1]!, background.reduce((sum, value) => sum + value, 0) / 12]
        }
        const now = triple(x.length - 1)
        let nearest = Number.POSITIVE_INFINITY
        let share = Number.POSITIVE_INFINITY
        for (let i = 13; i <= x.length - 3; i++) {
          const then = triple(i)
          const differences = now.map((u, j) => Math.abs(u - then[j]!))
          nearest = Math.min(nearest, differences[0]! + differences[1]! + differences[2]!)
          const parts = differences.map(
            (d, j) => d / (3 * Math.max(scale, 1e-9) + Math.abs(now[j]!) + Math.abs(then[j]!)),
          )
          share = Math.min(share, parts[0]! + parts[1]! + parts[2]!)
        }
        assert.equal(history.search(scale), Number.isFinite(nearest))
        if (!Number.isFinite(nearest)) return
        assert.ok(Math.abs(history.nearest - nearest) <= 1e-6 * (1 + nearest))
        assert.ok(Math.abs(history.nearestShare - share) <= 1e-6)
        const found = triple(history.place)
        const off = now.reduce((sum, u, j) => sum + Math.abs(u - found[j]!), 0)
        assert.ok(Math.abs(off - nearest) <= 1e-6 * (1 + nearest))
      },
    ),
    { numRuns: 200 },
  )
})

test('the memory holds the last 8 weeks, wherever it was moved', () => {
  const history = new History()
  const count = 16_128 + 3 * 1024 + 77
  for (let i = 0; i < count; i++) history.append(i)
  assert.equal(history.end - history.begin, 16_128)
  for (const back of [0, 1, 12, 16_127]) {
    const place = history.end - 1 - back
    assert.equal(history.values[place], count - 1 - back)
    assert.equal(history.sampleAt(place), count - 1 - back)
  }
  assert.equal(history.search(1), true)
  assert.equal(history.nearest, 2 + 2 + 2)
})

test('a tail holds the largest of each block, and counts as sorting does', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 400, size: 'max' }),
      fc.integer({ min: 0, max: 70 }),
      (values, asked) => {
        const form = { samples: 40, blocks: 4, top: 10, most: 25 }
        const tail = new Tail(form)
        for (const value of values) tail.learn(value)
        const first = Math.max(0, Math.floor((values.length - 1) / 40) - 3) * 40
        const kept: number[] = []
        for (let i = first; i < values.length; i += 40)
          kept.push(
            ...values
              .slice(i, i + 40)
              .sort((a, b) => b - a)
              .slice(0, 10),
          )
        kept.sort((a, b) => b - a)
        assert.deepEqual(Array.from(tail.values.slice(0, tail.length)), kept)

        const n = Math.min(values.length, 120)
        const list = kept.slice(0, 25)
        const q = tail.surprise(asked, 0.5)
        if (n < 30) return assert.equal(q, 0)
        const k = Math.min(list.length - 1, Math.max(5, Math.ceil(0.01 * n)))
        const u = list[k]!
        if (asked <= u) {
          const count = list.filter((value) => value >= asked).length
          assert.equal(q, count === list.length ? 0 : Math.log((n + 1) / (count + 1)))
        } else {
          const mean = list.slice(0, k).reduce((sum, value) => sum + value, 0) / k
          const z = (asked - u) / Math.max(mean - u, 0.5)
          const expected = Math.log((n + 1) / (k + 1)) + Math.log(1 + z / 3) * 4
          assert.ok(Math.abs(q - expected) < 1e-9)
        }
      },
    ),
  )
})

test('a more extreme sample is never less surprising', () => {
  fc.assert(
    fc.property(
      fc.array(fc.float({ min: 0, max: 1e6, noNaN: true }), { minLength: 30, maxLength: 200, size: 'max' }),
      fc.float({ min: 0, max: 2e6, noNaN: true }),
      fc.float({ min: 0, max: 2e6, noNaN: true }),
      (values, a, b) => {
        const tail = new Tail()
        for (const value of values) tail.learn(value)
        assert.ok(tail.surprise(Math.max(a, b)) >= tail.surprise(Math.min(a, b)) - 1e-12)
      },
    ),
  )
})

test('times come back within half a step, or not at all', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 400, size: 'max' }),
      (gaps) => {
        const timeline = new Timeline()
        const times: number[] = []
        let at = MONDAY
        gaps.forEach((gap, i) => {
          // Mostly every five minutes with some jitter, now and then a hole.
          at += gap > 38 ? gap * SLOT : SLOT + gap * 300
          times.push(at)
          timeline.add(i, at)
        })
        assert.equal(Math.abs(timeline.timeOf(times.length - 1)! - at) <= SLOT, true)
        times.forEach((time, i) => {
          const told = timeline.timeOf(i)
          if (told !== undefined) assert.ok(Math.abs(told - time) <= 20 * SLOT, `${i}: ${told - time}`)
        })
      },
    ),
  )
})

const stream = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), figure), {
  minLength: 2,
  maxLength: 500,
  size: 'max',
})

test('a model that was saved and read goes on as one that was not', () => {
  fc.assert(
    fc.property(stream, fc.nat(), fc.constantFrom('UTC', 'Europe/Oslo'), (samples, cut, zone) => {
      const whole = new ObservableModel(new SlotClock(zone))
      let parted = new ObservableModel(new SlotClock(zone))
      let at = MONDAY
      samples.forEach(([gap, value], i) => {
        at += gap * SLOT
        if (i === cut % samples.length) {
          const bytes = encodeModel(parted)
          parted = decodeModel(bytes)
          assert.deepEqual(encodeModel(parted), bytes)
        }
        assert.deepEqual(parted.step(at, value), whole.step(at, value))
      })
      assert.deepEqual(encodeModel(parted), encodeModel(whole))
    }),
    { numRuns: 60 },
  )
})

test('the same across a full memory that has been moved', () => {
  const model = new ObservableModel(new SlotClock())
  let state = 1
  const next = () => {
    state = (Math.imul(state, 48_271) >>> 0) % 2_147_483_647
    return state % 1000
  }
  const count = 16_128 + 1500
  for (let i = 0; i < count; i++) model.step(MONDAY + i * SLOT, next())
  const read = decodeModel(encodeModel(model))
  for (let i = count; i < count + 1200; i++) {
    const value = next()
    assert.deepEqual(read.step(MONDAY + i * SLOT, value), model.step(MONDAY + i * SLOT, value))
  }
  assert.deepEqual(encodeModel(read), encodeModel(model))
})

test('damage of any kind is refused, in one line', () => {
  const model = new ObservableModel(new SlotClock('Europe/Oslo'))
  for (let i = 0; i < 400; i++) model.step(MONDAY + i * SLOT, i % 17)
  const good = encodeModel(model)
  const refused = (bytes: Uint8Array) =>
    assert.throws(
      () => decodeModel(bytes),
      (error: unknown) =>
        error instanceof EnvironmentError &&
        /damaged|format/.test(error.message) &&
        !error.message.includes('\n'),
    )
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (place, change) => {
      const bytes = good.slice()
      bytes[place]! ^= change
      refused(bytes)
    }),
  )
  fc.assert(fc.property(fc.nat(good.length - 1), (length) => refused(good.slice(0, length))))
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), refused))
  refused(new Uint8Array([...good, 0]))
})

test('whatever comes, nothing throws and every figure is finite', () => {
  const wild = fc.oneof(
    fc.double(),
    fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 1e30, -1e30, 1e-45, 0, -0, 5e-324),
    figure,
  )
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: -5, max: 2000 }), wild), { maxLength: 600, size: 'max' }),
      (samples) => {
        const model = new ObservableModel(new SlotClock())
        let at = MONDAY
        for (const [gap, value] of samples) {
          at += gap * SLOT
          const before = model.samples
          const verdict = model.step(at, value)
          for (const number of [
            verdict.score,
            verdict.sigma,
            verdict.residual,
            ...Object.values(verdict.surprises),
          ])
            assert.ok(Number.isFinite(number))
          assert.equal(model.samples, before + (verdict.skipped === undefined ? 1 : 0))
        }
        decodeModel(encodeModel(model))
      },
    ),
    { numRuns: 60 },
  )
})
