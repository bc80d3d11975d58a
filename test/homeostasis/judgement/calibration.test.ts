import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { barFor, Calibration, levelOf, severityBits } from '#homeostasis'

const near = (actual: number, expected: number, why?: string) =>
  assert.ok(Math.abs(actual - expected) < 1e-9, `${why ?? ''} ${actual} is not ${expected}`)
const units = (count: number, of: (i: number) => { n?: number; r?: number; s?: number }) =>
  Array.from({ length: count }, (_, i) => ({ n: 0, r: 0, s: 0, ...of(i) }))

describe('calibration', () => {
  it('needs eight units', () => {
    assert.throws(() => new Calibration(units(7, () => ({}))), RangeError)
    assert.equal(new Calibration(units(8, () => ({}))).m, 8)
  })

  it('counts up to the largest, and goes on by the exponential of the excess', () => {
    // R is 0, 1, .. 9: nothing has N > 0, so nothing is taken off.
    const calibration = new Calibration(units(10, (r) => ({ r })))
    assert.equal(calibration.q, 0)
    const r = (value: number) => calibration.judge({ n: 0, r: value, s: 0 }).parts.r
    near(r(0), 0)
    near(r(1), Math.log2(11 / 10))
    near(r(8.5), Math.log2(11 / 2))
    near(r(9), Math.log2(11 / 2))
    near(r(9.5), Math.log2(11) + (0.5 / 4) * Math.LOG2E, 'the floor of t is 4:')
    near(r(29), Math.log2(11) + (20 / 4) * Math.LOG2E)
  })

  it('has the mean excess over the 90 % quantile as scale where that is more than the floor', () => {
    // 40 units: the quantile is the 36th, 0; those over it are 20, 20, 40, 40.
    const calibration = new Calibration(units(40, (i) => ({ r: i < 36 ? 0 : i < 38 ? 20 : 40 })))
    near(calibration.judge({ n: 0, r: 100, s: 0 }).parts.r, Math.log2(41) + (60 / 30) * Math.LOG2E)
  })

  it('lets the novelty of a restless profile count less', () => {
    const calm = new Calibration(units(16, () => ({})))
    const restless = new Calibration(units(16, (i) => ({ n: i < 8 ? 0 : 1 })))
    assert.equal(restless.q, 0.5)
    const odd = { n: 40, r: 0, s: 0 }
    assert.ok(calm.judge(odd).bits > restless.judge(odd).bits + 3)
    assert.deepEqual(calm.judge(odd).spoke, ['n'])
  })

  it('believes S only where there are many units', () => {
    const odd = { n: 0, r: 0, s: 1 }
    const bits = Math.log2(9) + (1 / 0.15) * Math.LOG2E
    const few = new Calibration(units(8, () => ({}))).judge(odd)
    near(few.parts.s, bits)
    assert.deepEqual(few.spoke, [], '(8 * 12.8 - 125) / 58 is below 0')
    near(few.bits, 0)
    const many = new Calibration(units(256, () => ({}))).judge(odd)
    assert.deepEqual(many.spoke, ['s'])
    // raw of all units is 0, so it is judged by the floor of 2.
    const raw = (256 * (Math.log2(257) + (1 / 0.15) * Math.LOG2E) - 125) / 306
    near(many.bits, Math.log2(257) + (raw / 2) * Math.LOG2E)
  })

  it('never claims more than 12 bits beyond what it counted', () => {
    const calibration = new Calibration(units(64, () => ({})))
    near(calibration.judge({ n: 1e9, r: 1e9, s: 16 }).bits, Math.log2(65) + 12)
    near(calibration.most, Math.log2(65) + 12)
  })

  it('measures restlessness and each observable by the last 256 units, J by 512', () => {
    const calibration = new Calibration(units(600, (i) => ({ n: i < 344 ? 5 : 0 })))
    assert.equal(calibration.m, 512)
    assert.equal(calibration.q, 0)
    near(calibration.judge({ n: 5, r: 0, s: 0 }).parts.n, Math.log2(257) + (5 / 4) * Math.LOG2E)
    near(calibration.judge({ n: 5, r: 0, s: 0 }).bits, Math.log2(513 / 257), 'half of the 512 were so:')
  })
})

describe('levels', () => {
  it('are notice from 6 bits, incident from 8, severe from 12', () => {
    assert.deepEqual(
      [5.9, 6, 7.9, 8, 11.9, 12, 30].map((bits) => levelOf(bits)),
      ['none', 'notice', 'notice', 'incident', 'incident', 'severe', 'severe'],
    )
  })

  it('are higher by a program that was never started: severe from 4 bits', () => {
    assert.equal(levelOf(severityBits(3.9, true)), 'incident')
    assert.equal(levelOf(severityBits(4, true)), 'severe')
    assert.equal(severityBits(20, true), 16)
    assert.equal(severityBits(20, false), 20)
  })

  it('have a higher bar for a profile with many units a day', () => {
    assert.equal(barFor(0), 8)
    assert.equal(barFor(16), 8)
    assert.equal(barFor(1024), 14)
    assert.equal(levelOf(13.9, barFor(1024)), 'notice')
    assert.equal(levelOf(14, barFor(1024)), 'incident')
    assert.equal(levelOf(18, barFor(1024)), 'severe')
  })
})
