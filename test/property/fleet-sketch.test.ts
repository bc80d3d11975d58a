import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PairHash, Sketch } from '#fleet'

const hash = new PairHash(Buffer.alloc(32, 1))
const code = fc.integer({ min: 0, max: 4096 * 4096 * 8 - 1 })
const set = fc.uniqueArray(code, { maxLength: 3000, size: 'max' })

test('a certain no is never wrong', () => {
  fc.assert(
    fc.property(set, fc.array(code, { maxLength: 50 }), (codes, asked) => {
      const sketch = Sketch.from(Sketch.of(hash.hash(codes)))
      const has = new Set(codes)
      for (const one of [...asked, ...codes.slice(0, 50)])
        if (!sketch.has(one, hash)) assert.ok(!has.has(one))
    }),
    { numRuns: 60 },
  )
})

test('estimates keep within six of their errors, are no set sizes that cannot be, and agree both ways', () => {
  fc.assert(
    fc.property(set, set, set, (common, first, second) => {
      const a = new Set([...common, ...first])
      const b = new Set([...common, ...second])
      const truth = [...a].filter((one) => !b.has(one)).length
      const own = hash.hash(a)
      const there = Sketch.of(hash.hash(b))
      for (const { onlyFirst, onlySecond, both, distance } of [
        there.compareOwn(own),
        Sketch.of(own).compare(there),
      ]) {
        assert.ok(
          Math.abs(onlyFirst.value - truth) <= 6 * onlyFirst.error + 1e-9,
          `${onlyFirst.value} of ${truth}`,
        )
        assert.ok(onlyFirst.value >= 0 && onlySecond.value >= -1e-9 && both.value >= -1e-9)
        assert.ok(Math.abs(both.value + onlyFirst.value - a.size) < 1e-6)
        assert.ok(Math.abs(both.value + onlySecond.value - b.size) < 1e-6)
        assert.ok(distance.value >= 0 && distance.value <= 1)
      }
    }),
    { numRuns: 60 },
  )
})
