import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { arrivals, dayCurve, type Page, seeded } from '../../../scripts/experiments/web-load/curve.ts'
import { mean, standardDeviation } from '../../../scripts/experiments/web-load/statistics.ts'

const pages: Page[] = [
  { path: '/', share: 0.75, status: 200 },
  { path: '/none', share: 0.25, status: 404 },
]

describe('seeded numbers', () => {
  it('lie in [0, 1), are even, and the same for the same seed alone', () => {
    for (const seed of [0, 1, 2, 2 ** 32 - 1]) {
      const random = seeded(seed)
      const values = Array.from({ length: 20_000 }, random)
      assert.ok(values.every((value) => value >= 0 && value < 1))
      assert.ok(Math.abs(mean(values) - 0.5) < 0.01, `seed ${seed}: ${mean(values)}`)
      assert.ok(Math.abs((standardDeviation(values) as number) - Math.sqrt(1 / 12)) < 0.01)
      assert.equal(seeded(seed)(), values[0])
    }
    assert.notEqual(seeded(1)(), seeded(2)())
  })
})

describe('the day', () => {
  it('has its night, its heights and its noise', () => {
    const rates = dayCurve(96, 300, seeded(1))
    assert.equal(rates.length, 96)
    assert.ok(rates.every((rate) => rate > 0 && rate < 600))
    const at = (hour: number) => mean(rates.slice(hour * 4, hour * 4 + 4))
    assert.ok(at(3) < 0.25 * at(10), 'night below morning')
    assert.ok(at(18) < at(15), 'late afternoon below its height')
    assert.deepEqual(rates, dayCurve(96, 300, seeded(1)))
    assert.notDeepEqual(rates, dayCurve(96, 300, seeded(2)))
  })

  it('without noise reaches its peak and no more', () => {
    // cos(2 pi / 4) = 0: every Gaussian is 0.
    const rates = dayCurve(240, 300, () => 0.25)
    assert.ok(Math.abs(Math.max(...rates) - 300) < 1e-9)
    assert.ok(Math.min(...rates) > 10)
  })
})

describe('arrivals', () => {
  it('are as many in each interval as its rate says, in order, and of the pages in their shares', () => {
    const rates = [0, 50, 1000, 20]
    const all = arrivals(rates, 10_000, pages, seeded(3))
    const counts = rates.map((_, i) => all.filter(({ at }) => Math.floor(at / 10_000) === i).length)
    for (const [i, rate] of rates.entries())
      assert.ok(Math.abs((counts[i] as number) - rate * 10) <= 4 * Math.sqrt(rate * 10), `${counts}`)
    assert.ok(all.every(({ at }, i) => i === 0 || at >= (all[i - 1]?.at ?? 0)))
    const missing = all.filter(({ page }) => page.status === 404).length / all.length
    assert.ok(Math.abs(missing - 0.25) < 0.02, `${missing}`)
    assert.deepEqual(all, arrivals(rates, 10_000, pages, seeded(3)))
  })

  it('come independently: gaps vary as much as they last', () => {
    const all = arrivals([1000], 20_000, pages, seeded(4))
    const gaps = all.slice(1).map(({ at }, i) => at - (all[i]?.at as number))
    assert.ok(Math.abs((standardDeviation(gaps) as number) / mean(gaps) - 1) < 0.05)
  })
})
