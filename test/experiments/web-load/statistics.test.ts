import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  correlation,
  line,
  mean,
  standardDeviation,
} from '../../../scripts/experiments/web-load/statistics.ts'

describe('statistics', () => {
  it('mean, and the standard deviation of a sample', () => {
    assert.equal(mean([2, 4, 4, 4, 5, 5, 7, 9]), 5)
    assert.ok(Math.abs((standardDeviation([2, 4, 4, 4, 5, 5, 7, 9]) as number) - Math.sqrt(32 / 7)) < 1e-12)
    assert.equal(standardDeviation([3]), undefined)
    assert.equal(standardDeviation([3, 3, 3]), 0)
  })

  it("Pearson's correlation: of lines, of Anscombe's first set, of what does not vary", () => {
    assert.equal(correlation([1, 2, 3], [10, 20, 30]), 1)
    assert.equal(correlation([1, 2, 3], [6, 4, 2]), -1)
    assert.equal(correlation([1, 2, 3, 4], [1, -1, -1, 1]), 0)
    const x = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]
    const y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68]
    assert.equal((correlation(x, y) as number).toFixed(5), '0.81642')
    assert.equal(correlation([1, 1, 1], [1, 2, 3]), undefined)
    assert.equal(correlation([1, 2, 3], [5, 5, 5]), undefined)
    assert.equal(correlation([1], [1]), undefined)
    assert.equal(correlation([], []), undefined)
    assert.throws(() => correlation([1, 2], [1]), RangeError)
  })

  it('least squares', () => {
    const fit = line([0, 1, 2], [5, 15, 25])
    assert.deepEqual(fit, { slope: 10, intercept: 5 })
    assert.equal(line([4, 4], [1, 2]), undefined)
  })
})
