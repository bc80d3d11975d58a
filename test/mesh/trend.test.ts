import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from './simulator/random.ts'
import { trendOf } from './simulator/trend.ts'

const tolerance = { share: 0.1, least: 3 }
const series = (value: (i: number) => number, n = 24) =>
  Array.from({ length: n }, (_, i) => ({ at: i, value: value(i) }))

test('what rises steadily grows, by how much an hour', () => {
  const random = seeded(1)
  const trend = trendOf(
    series((i) => 50 + i + random() * 4),
    tolerance,
  )
  assert.equal(trend.grows, true)
  assert.ok(Math.abs(trend.slope - 1) < 0.15, `${trend.slope}`)
})

test('noise, a tooth of a saw, one outlier, a fall, and next to nothing do not', () => {
  const random = seeded(2)
  for (const [what, value] of Object.entries<(i: number) => number>({
    noise: () => 50 + random() * 20,
    saw: (i) => 50 + (i % 6) * 4,
    outlier: (i) => (i === 20 ? 500 : 50 + random()),
    fall: (i) => 80 - i,
    little: (i) => 50 + i * 0.05,
    constant: () => 12,
  }))
    assert.equal(trendOf(series(value), tolerance).grows, false, what)
})

test('no points, one point: no trend', () => {
  assert.equal(trendOf([], tolerance).grows, false)
  assert.equal(trendOf([{ at: 0, value: 9 }], tolerance).grows, false)
})
