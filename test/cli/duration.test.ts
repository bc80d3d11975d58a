import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nearest } from '#classes'
import { duration, parseDuration } from '../../src/cli/duration.ts'
import { ago, compact, moment, plain } from '../../src/cli/format.ts'

const hour = 3_600_000

test('durations as people write them', () => {
  for (const [text, ms] of [
    ['90', 90_000],
    ['0', 0],
    ['90s', 90_000],
    ['30m', hour / 2],
    ['12h', 12 * hour],
    ['2d12h', 60 * hour],
    ['1w', 168 * hour],
    ['1d2h3m4s', 93_784_000],
    ['1.5h', 1.5 * hour],
    ['250ms', 250],
    ['1s250ms', 1250],
  ] as const)
    assert.equal(parseDuration(text), ms, text)
})

test('what is no duration is said so', () => {
  for (const text of ['', ' ', '2x', 'h', '12h2d', '5m5m', '-5m', '1d 2h', '2d12', '1e3', 'NaN', '١h'])
    assert.throws(() => parseDuration(text), /is not a duration: /, text)
})

test('a duration reads back as itself, to the second', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 ** 9 }), (seconds) => {
      assert.equal(parseDuration(duration(seconds * 1000)), seconds * 1000)
    }),
  )
  assert.equal(duration(216_000_000), '2d12h')
  assert.equal(duration(120), '120ms')
  assert.equal(duration(0), '0ms')
  assert.equal(duration(-1500), '-2s')
})

test('times and counts', () => {
  assert.equal(moment(0), '-')
  assert.equal(moment(new Date(2026, 10, 3, 4, 5, 6).getTime()), '2026-11-03 04:05:06')
  assert.equal(ago(0, 1), '-')
  for (const [seconds, text] of [
    [1, 'now'],
    [59, '59s'],
    [60, '1m'],
    [7199, '1h'],
    [200_000, '2d'],
  ] as const)
    assert.equal(ago(1e12, 1e12 + seconds * 1000), text)
  assert.deepEqual([0, 999_999, 1_234_567, 5e9, 1.26].map(compact), ['0', '999999', '1.23M', '5.00G', '1.3'])
})

test('nothing that steers a terminal passes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.ok(!/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(plain(text)))
    }),
  )
  assert.equal(plain('/usr/bin/naïve 日本'), '/usr/bin/naïve 日本')
})

test('the nearest names', () => {
  const names = ['normal_wait', 'normal_factor', 'normal_factor_den', 'window']
  assert.deepEqual(nearest('normal_wiat', names), ['normal_wait'])
  assert.deepEqual(nearest('windw', names), ['window'])
  assert.deepEqual(nearest('normal_f', names), ['normal_factor', 'normal_factor_den'])
  assert.deepEqual(nearest('zzz', names), [])
})
