import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bitCount, CALL_LIMIT, diffTables, EMPTY, OUT_OF_RANGE, PairTable, slotOf } from '#homeostasis'

const filled = (...pairs: [number, number, number][]) => {
  const table = new PairTable()
  for (const [current, previous, distance] of pairs) table.add(current, previous, distance)
  return table
}

describe('PairTable', () => {
  it('knows exactly what was added, by distance', () => {
    const table = filled([3, 4, 1], [3, 4, 8], [3, 511, 2])
    assert.equal(table.has(3, 4, 1), true)
    assert.equal(table.has(3, 4, 2), false)
    assert.equal(table.has(4, 3, 1), false)
    assert.equal(table.bits(3, 4), 0b1000_0001)
    assert.equal(table.pairs, 3)
    assert.equal(table.rowCount, 1)
    assert.equal(table.add(3, 4, 1), false)
    assert.equal(table.add(3, 4, 3), true)
    assert.equal(table.misses(3, [4, 9, 4]), 1)
    assert.equal(table.misses(77, [4, 9, 4, 5, 6, 7, 8, 9]), 8, 'a row that was never made')
  })

  it('lists its pairs in order', () => {
    const table = filled([9, 1, 2], [3, 510, 1], [3, 4, 8], [3, 4, 1])
    assert.deepEqual(
      [...table.entries()],
      [
        { current: 3, previous: 4, distance: 1 },
        { current: 3, previous: 4, distance: 8 },
        { current: 3, previous: 510, distance: 1 },
        { current: 9, previous: 1, distance: 2 },
      ],
    )
    assert.deepEqual(
      [...table.rows()].map(({ current }) => current),
      [3, 9],
    )
  })

  it('keeps every pair while rows are added and the table widens for foreign numbers', () => {
    const table = new PairTable()
    const all: [number, number, number][] = []
    for (let current = 0; current < 512; current++)
      all.push([current, (current * 7) % 512, 1 + (current % 8)])
    all.push([600, 3, 1], [3, 600, 2], [CALL_LIMIT - 1, CALL_LIMIT - 1, 8])
    for (const [current, previous, distance] of all) table.add(current, previous, distance)
    assert.equal(table.width, CALL_LIMIT)
    assert.equal(table.pairs, all.length)
    for (const [current, previous, distance] of all) assert.ok(table.has(current, previous, distance))
    assert.equal(table.has(700, 3, 1), false)
  })

  it('adds, subtracts and compares whole tables, also of different width', () => {
    const a = filled([1, 2, 1], [1, 2, 2], [5, 6, 1])
    const b = filled([1, 2, 2], [900, 6, 1])
    assert.equal(b.width, 1024)
    assert.deepEqual([...a.difference(b).entries()], [...filled([1, 2, 1], [5, 6, 1]).entries()])
    assert.deepEqual([...b.difference(a).entries()], [{ current: 900, previous: 6, distance: 1 }])
    assert.deepEqual([...a.intersection(b).entries()], [{ current: 1, previous: 2, distance: 2 }])
    assert.equal(a.union(b).pairs, 4)
    assert.ok(a.union(b).equals(b.union(a)))
    assert.ok(!a.equals(filled([1, 2, 1], [1, 2, 2], [5, 7, 1])))
    assert.deepEqual(diffTables(a, b).distance, 1 - 1 / 4)
    assert.equal(diffTables(new PairTable(), new PairTable()).distance, 0)
  })

  it('a clone is a table of its own, a cleared one is empty', () => {
    const a = filled([1, 2, 1])
    const b = a.clone()
    b.add(1, 3, 1)
    assert.equal(a.has(1, 3, 1), false)
    a.clear()
    assert.equal(a.pairs, 0)
    assert.equal(a.has(1, 2, 1), false)
    assert.equal(b.pairs, 2)
  })

  it('gives numbers that no table holds one slot, and never the slot of "no call yet"', () => {
    assert.equal(slotOf(0), 0)
    assert.equal(slotOf(509), 509)
    assert.equal(slotOf(512), 512)
    for (const call of [-1, 9999, EMPTY, CALL_LIMIT, 0x40000000 + 1]) assert.equal(slotOf(call), OUT_OF_RANGE)
  })

  it('counts bits as a loop does', () => {
    for (let byte = 0; byte < 256; byte++)
      assert.equal(bitCount(byte), byte.toString(2).replaceAll('0', '').length)
  })
})
