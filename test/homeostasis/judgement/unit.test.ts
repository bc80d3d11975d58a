/** The recipe's formulas on examples small enough to be done by hand. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { measureUnit, Supports } from '#homeostasis'

const unit = (...calls: number[]) => Uint16Array.from(calls)
/** What a byte of sixteenths makes of so many bits. */
const held = (bits: number) => Math.min(255, Math.round(bits * 16)) / 16

describe('novelty', () => {
  it('weighs a pair by whether its call, or the two at another distance, are known', () => {
    const supports = new Supports(9)
    supports.learn([unit(1, 2, 3)])
    // (2,1) and (1,2) at 1: the latter is unknown at any distance; (1,1) at 2 as well.
    assert.equal(measureUnit(supports, unit(1, 2, 1)).n, 2 * 1.5)
    // (3,1) is known at distance 2.
    assert.equal(measureUnit(supports, unit(1, 3)).n, 0.5)
    // Call 9 was never seen: (9,2) and (9,1).
    assert.equal(measureUnit(supports, unit(1, 2, 9)).n, 2 * 3)
    assert.equal(measureUnit(supports, unit(1, 2, 3)).n, 0)
    assert.equal(measureUnit(supports, unit()).n, 0)
  })

  it('counts a pair once in a unit, and sums over 128 calls', () => {
    const supports = new Supports(2)
    supports.learn([Uint16Array.from({ length: 200 }, () => 1), unit(1, 2), unit(3, 1), unit(4, 1), unit(2)])
    const ones = (count: number) => Array.from({ length: count }, () => 1)
    // (3,1): a new pair of a known call.
    assert.equal(measureUnit(supports, unit(1, 3, 1, 3, 1, 3)).n, 1.5)
    assert.equal(measureUnit(supports, unit(1, 3, ...ones(126), 4)).n, 3, 'places 1 and 128 are in one frame')
    assert.equal(measureUnit(supports, unit(1, 3, ...ones(127), 4)).n, 1.5, 'places 1 and 129 are not')
  })
})

describe('rarity', () => {
  it('is log2(max(2, 1 % of the units) / (support + 1/2)), once for each 3-gram', () => {
    const supports = new Supports(9)
    for (let i = 0; i < 999; i++) supports.learn([unit(1, 2, 3)])
    supports.learn([unit(1, 2, 4)])
    assert.equal(measureUnit(supports, unit(1, 2, 3)).r, 0)
    assert.equal(measureUnit(supports, unit(1, 2, 4)).r, held(Math.log2(10.01 / 1.5)))
    const twice = held(Math.log2(10.01 / 1.5)) + held(Math.log2(10.01 / 0.5)) * 2
    assert.equal(measureUnit(supports, unit(1, 2, 4, 1, 2, 4)).r, twice, '124, 241 and 412')
  })

  it('of few units counts what one or none showed', () => {
    const supports = new Supports(9)
    supports.learn([unit(1, 2, 3), unit(5, 6, 7)])
    supports.learn([unit(1, 2, 3)])
    assert.equal(measureUnit(supports, unit(1, 2, 3)).r, 0)
    assert.equal(measureUnit(supports, unit(5, 6, 7)).r, held(Math.log2(2 / 1.5)))
    assert.equal(measureUnit(supports, unit(5, 6, 8)).r, held(Math.log2(2 / 0.5)))
  })
})

describe('the surprise rate', () => {
  const supports = new Supports(9)
  for (let i = 0; i < 3; i++) supports.learn([unit(1, 2, 3, 4, 5, 6, 7, 8)])
  supports.learn([unit(1, 2, 3, 4, 5, 6, 7, 9)])
  const first = held(Math.log2(5 / 4.5)) * 6

  it('is the mean cost: by the call before for 7 calls, then by the 7 before', () => {
    assert.equal(measureUnit(supports, unit(1)).s, 0)
    assert.equal(measureUnit(supports, unit(1, 2)).s, held(Math.log2(5 / 4.5)) / 2)
    assert.equal(
      measureUnit(supports, unit(1, 2, 3, 4, 5, 6, 7, 8)).s,
      (first + held(Math.log2(5 / 3.5))) / 8,
    )
    assert.equal(
      measureUnit(supports, unit(1, 2, 3, 4, 5, 6, 7, 9)).s,
      (first + held(Math.log2(5 / 1.5))) / 8,
    )
  })

  it('charges 4 bits and one for each unknown pair where the 8 calls are unknown', () => {
    // 1 was never after any of the seven.
    assert.equal(measureUnit(supports, unit(1, 2, 3, 4, 5, 6, 7, 1)).s, (first + 4 + 7) / 8)
  })

  it('charges log2(2 (n + 1)) after a call that was never seen', () => {
    assert.equal(measureUnit(supports, unit(200, 1)).s, held(Math.log2(5 / 0.5)) / 2)
  })
})

describe('evidence', () => {
  it('is the first windows that spoke, with their places', () => {
    const supports = new Supports(3)
    supports.learn([unit(1, 2, 3), unit(3, 1)])
    const { windows } = measureUnit(supports, unit(1, 2, 3, 1, 9))
    assert.deepEqual(windows.n, [
      { at: 3, calls: [2, 3, 1] },
      { at: 4, calls: [3, 1, 9] },
    ])
    assert.deepEqual(windows.r[0], { at: 2, calls: [1, 2, 3] })
  })

  it('is four windows at most of each', () => {
    const calls = Uint16Array.from({ length: 500 }, (_, i) => (i * i) % 251)
    const { windows } = measureUnit(new Supports(9), calls)
    for (const part of ['n', 'r', 's'] as const) assert.equal(windows[part].length, 4)
  })
})
