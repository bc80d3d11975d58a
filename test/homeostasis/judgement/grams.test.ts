import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GramTable } from '#homeostasis'

const learn = (table: GramTable, calls: number[], unit: number) => {
  const run = Uint16Array.from(calls)
  for (let at = table.order - 1; at < run.length; at++) table.add(run, at, unit)
}
const support = (table: GramTable, ...gram: number[]) =>
  table.support(Uint16Array.from(gram), gram.length - 1)

describe('a table of grams', () => {
  it('counts units, not calls', () => {
    const table = new GramTable(2)
    learn(table, [1, 2, 1, 2, 1, 2], 1)
    learn(table, [2, 1, 3], 2)
    assert.equal(support(table, 1, 2), 1)
    assert.equal(support(table, 2, 1), 2)
    assert.equal(support(table, 1, 3), 1)
    assert.equal(support(table, 3, 1), 0)
    assert.equal(table.count, 3)
  })

  it('tells by `add` whether the unit has shown it before', () => {
    const table = new GramTable(1)
    const one = Uint16Array.of(7)
    assert.equal(table.add(one, 0, 1), true)
    assert.equal(table.add(one, 0, 1), false)
    assert.equal(table.add(one, 0, 2), true)
    assert.equal(table.support(one, 0), 2)
  })

  it('lists grams in order, whatever the hash', () => {
    const grams = (seed: number) => {
      const table = new GramTable(2, 1000, seed)
      learn(table, [9, 1, 4095, 0, 9, 3, 9, 1], 1)
      return [...table.entries()].map(({ gram, support }) => [...gram, support].join(' '))
    }
    assert.deepEqual(grams(0), ['0 9 1', '1 4095 1', '3 9 1', '9 1 1', '9 3 1', '4095 0 1'])
    assert.deepEqual(grams(12345), grams(0))
  })

  it('gives up an eighth at the cap: least support first, then the longest unseen, never what is being learned', () => {
    const table = new GramTable(1, 16)
    for (let call = 0; call < 16; call++) learn(table, [call], 1 + call)
    learn(table, [0], 17)
    assert.equal(table.count, 16)
    learn(table, [100], 18)
    assert.deepEqual(table.gauge(), { grams: 15, limit: 16, evicted: 2 })
    assert.equal(support(table, 0), 2, 'it had more support than the others')
    assert.equal(support(table, 1), 0, 'it was the longest unseen')
    assert.equal(support(table, 2), 0)
    assert.equal(support(table, 3), 1)
    assert.equal(support(table, 100), 1)
  })

  it('keeps its own when a unit alone fills it', () => {
    const table = new GramTable(1, 8)
    learn(
      table,
      Array.from({ length: 20 }, (_, call) => call),
      1,
    )
    assert.deepEqual(table.gauge(), { grams: 8, limit: 8, evicted: 0 })
    assert.equal(support(table, 7), 1)
    assert.equal(support(table, 8), 0)
  })
})
