import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectedFill, levelOf, PairHash, SKETCH_BYTES, Sketch, type SketchData, SketchError } from '#fleet'
import { pairCode } from '#homeostasis'

const hash = new PairHash(Buffer.alloc(32, 7))
const codes = (count: number, from = 0): number[] => {
  const all = []
  for (let i = from; i < from + count; i++) all.push(pairCode(i % 300, Math.floor(i / 300), 1 + (i % 5)))
  return all
}

test('what is in a profile is never denied, at any level', () => {
  for (const count of [0, 1, 700, 1400, 1401, 10_000]) {
    const own = hash.hash(codes(count))
    const sketch = Sketch.from(Sketch.of(own))
    assert.equal(sketch.lacks(own), 0)
    assert.equal(sketch.compareOwn(own).distance.value, 0)
    assert.equal(sketch.level, levelOf(count))
  }
})

test('false yes as the recipe has it: .012 of 450 pairs, .038 of 700, .175 of 1,400', () => {
  for (const [count, expected] of [
    [450, 0.012],
    [700, 0.038],
    [1400, 0.175],
  ] as const) {
    const sketch = Sketch.of(hash.hash(codes(count)))
    const others = hash.hash(codes(20_000, 50_000))
    const measured = 1 - sketch.lacks(others) / 20_000
    assert.ok(Math.abs(measured - expected) < 0.012, `${count}: ${measured}`)
    assert.ok(Math.abs(sketch.falseYes - expected) < 0.012)
  }
})

test('a pair outside the sample is perhaps known', () => {
  const sketch = Sketch.of(hash.hash(codes(10_000)))
  assert.equal(sketch.level, 3)
  const others = hash.hash(codes(8000, 50_000))
  const denied = sketch.lacks(others) / 8000
  assert.ok(denied > 0.08 && denied < 0.125, `${denied}`)
})

test('level: the least with at most 1,400 pairs in the sketch', () => {
  assert.deepEqual([0, 1400, 1401, 2800, 2801, 10_000].map(levelOf), [0, 0, 1, 1, 2, 3])
})

test('a sketch under another secret says nothing of the pairs', () => {
  const foreign = Sketch.of(new PairHash(Buffer.alloc(32, 8)).hash(codes(700)))
  const own = hash.hash(codes(700))
  assert.ok(foreign.lacks(own) > 600)
})

test('a secret that is too short is refused', () => {
  assert.throws(() => new PairHash(Buffer.alloc(15)), RangeError)
})

test('two foreign sketches: sizes, difference, distance, whichever way round', () => {
  const a = Sketch.of(hash.hash(codes(1000)))
  const b = Sketch.of(hash.hash(codes(900, 200)))
  const { onlyFirst, onlySecond, both, distance } = a.compare(b)
  assert.ok(Math.abs(onlyFirst.value - 200) <= 4 * onlyFirst.error)
  assert.ok(Math.abs(onlySecond.value - 100) <= 4 * onlySecond.error)
  assert.ok(Math.abs(both.value - 800) <= 4 * both.error)
  assert.ok(Math.abs(distance.value - (1 - 800 / 1100)) <= 4 * distance.error)
  assert.ok(Math.abs(b.compare(a).onlyFirst.value - a.compare(b).onlySecond.value) < 1e-9)
})

test('two sketches of different levels can be compared', () => {
  const small = Sketch.of(hash.hash(codes(1200)))
  const large = Sketch.of(hash.hash(codes(6000)))
  const found = small.compare(large)
  assert.ok(found.onlyFirst.value <= 4 * found.onlyFirst.error)
  assert.ok(Math.abs(found.onlySecond.value - 4800) <= 4 * found.onlySecond.error)
  assert.ok(Math.abs(large.compare(small).onlyFirst.value - found.onlySecond.value) < 1e-9)
})

test('what cannot be the sketch of so many pairs is refused', () => {
  const good = Sketch.of(hash.hash(codes(700)))
  const refused = (change: Partial<SketchData>): void => {
    const { pairs, level, bits } = good
    assert.throws(() => Sketch.from({ pairs, level, bits, ...change }), SketchError)
  }
  refused({ bits: new Uint8Array(SKETCH_BYTES).fill(0xff) })
  refused({ bits: new Uint8Array(SKETCH_BYTES) })
  refused({ bits: good.bits.subarray(1) })
  refused({ level: 1 })
  refused({ pairs: 900 })
  refused({ pairs: -1 })
  refused({ pairs: Number.NaN })
  // 0.336 of the bits are set by 700 pairs; 0.04 more is at 770 or so.
  assert.ok(Math.abs(good.fill - expectedFill(700)) < 0.01)
  Sketch.from({ pairs: 740, level: 0, bits: good.bits })
})

test('a sketch does not change with the bytes it was made of', () => {
  const { pairs, level, bits } = Sketch.of(hash.hash(codes(700)))
  const bytes = Uint8Array.from(bits)
  const held = Sketch.from({ pairs, level, bits: bytes })
  bytes.fill(0)
  assert.equal(held.lacks(hash.hash(codes(700))), 0)
})
