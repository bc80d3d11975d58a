import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addSupport, EMPTY, pairCode, SupportCounter } from '#homeostasis'

const shown = (counter: SupportCounter, calls: number[], window = 3) => {
  const process = counter.begin()
  let previous = [EMPTY, EMPTY, EMPTY, EMPTY]
  for (const call of calls) {
    counter.window(process, call, previous, window, 'symbol')
    previous = [call, ...previous.slice(0, 3)]
  }
}
const known = (first: number, seen: number) => ({ first, seen, borrowed: false })

describe('support of pairs', () => {
  it('is the first process that showed a pair, and how many did', () => {
    const counter = new SupportCounter()
    shown(counter, [1, 2, 1, 2, 1, 2])
    shown(counter, [1, 3])
    shown(counter, [1, 2, 600])
    const support = counter.support()
    assert.equal(counter.processes, 3)
    assert.deepEqual(support.get(pairCode(2, 1, 1)), known(1, 2), 'a loop counts once')
    assert.deepEqual(support.get(pairCode(1, EMPTY, 1)), known(1, 3))
    assert.deepEqual(support.get(pairCode(3, 1, 1)), known(2, 1))
    assert.deepEqual(support.get(pairCode(600, 2, 1)), known(3, 1))
    assert.equal(support.has(pairCode(600, 3, 1)), false)
  })

  it('of the calls of units is the same', () => {
    const [whole, units] = [new SupportCounter(), new SupportCounter()]
    for (const calls of [[1, 2, 3, 1, 2, 3], [4], [2, 3, 4, 1]]) {
      shown(whole, calls)
      const process = units.begin()
      const array = Uint16Array.from(calls)
      units.start(process, array.subarray(0, 8), 3)
      units.run(process, array.subarray(0, 4), 3)
      units.run(process, array.subarray(1), 3)
    }
    assert.deepEqual(new Map([...units.support()].sort()), new Map([...whole.support()].sort()))
  })

  it('goes on from what was saved', () => {
    const before = new SupportCounter()
    for (const calls of [[1, 2], [1], [1, 2]]) shown(before, calls)
    const again = new SupportCounter()
    again.restore(before.support(), 3)
    const later = new SupportCounter()
    for (const counter of [before, again, later]) for (const calls of [[5], [1, 2]]) shown(counter, calls)
    assert.deepEqual(again.support(), before.support())
    const sum = addSupport(
      new Map([
        [pairCode(1, EMPTY, 1), known(1, 3)],
        [pairCode(9, 1, 1), { first: 2, seen: 1, borrowed: true }],
      ]),
      later.support(),
    )
    assert.deepEqual(sum.get(pairCode(1, EMPTY, 1)), known(1, 4))
    assert.deepEqual(sum.get(pairCode(5, EMPTY, 1)), known(4, 1))
  })
})
