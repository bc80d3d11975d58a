import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { packHours, unpackHours, WEEK_HOURS, WeekActivity, weekHour } from '#fleet'

const hour = 3_600_000
const monday = Date.UTC(2026, 0, 5)

test('hours of the week begin on Monday, 00:00 UTC', () => {
  assert.equal(weekHour(monday), 0)
  assert.equal(weekHour(monday + 25.9 * hour), 25)
  assert.equal(weekHour(monday - 1), 167)
  assert.equal(weekHour(monday + 168 * hour), 0)
})

test('busy hours are told from quiet ones beside the busiest', () => {
  const activity = new WeekActivity()
  activity.add('a', 1000, monday + 9 * hour)
  activity.add('a', 400, monday + 10 * hour)
  activity.add('a', 50, monday + 11 * hour)
  const levels = activity.levels('a') as Uint8Array
  assert.deepEqual([...levels.subarray(8, 13)], [0, 3, 2, 1, 0])
  assert.equal(activity.levels('b'), undefined)
  assert.deepEqual(unpackHours(packHours(levels)), levels)
})

test('what was weeks ago counts less; what is saved comes back; the silent give way', () => {
  const activity = new WeekActivity(2)
  activity.add('a', 1024, monday)
  for (let week = 1; week <= 4; week++) activity.add('a', 100, monday + (week * WEEK_HOURS + 5) * hour)
  const { put } = activity.drain()
  assert.equal(put[0]?.[1].hours[0], 1024 / 2 ** 4)
  assert.equal(put[0]?.[1].hours[5], Math.round(100 + 50 + 25 + 12.5))
  const again = new WeekActivity(2)
  for (const [name, saved] of put) again.restore(name, saved)
  assert.deepEqual(again.levels('a'), activity.levels('a'))
  again.restore('b', { hours: [1], last: 0 })
  again.restore('b', { hours: Array(168).fill(Number.NaN), last: 0 })
  assert.equal(again.gauge().programs, 1)
  again.add('b', 1, monday)
  again.add('c', 1, monday)
  assert.deepEqual(again.drain().del, ['a'])
  assert.deepEqual(again.gauge(), { programs: 2, limit: 2 })
})

test('any week packs into 42 bytes and back', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3), { minLength: 168, maxLength: 168 }), (levels) => {
      const packed = packHours(Uint8Array.from(levels))
      assert.equal(packed.length, 42)
      assert.deepEqual([...unpackHours(packed)], levels)
    }),
  )
})
