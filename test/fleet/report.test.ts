import assert from 'node:assert/strict'
import { test } from 'node:test'
import { barsSvg, matrixSvg, programUse, reportHtml, Stability, stabilitySvg, weekSvg } from '#fleet'
import { PairTable } from '#homeostasis'

function table(pairs: [number, number, number][]): PairTable {
  const made = new PairTable()
  for (const [current, previous, distance] of pairs) made.add(current, previous, distance)
  return made
}

test('which part of a program is used: over all hosts, on each, and on how many', () => {
  const use = programUse([
    {
      name: 'a',
      table: table([
        [0, 1, 1],
        [0, 2, 1],
        [3, 1, 1],
      ]),
    },
    {
      name: 'b',
      table: table([
        [0, 1, 1],
        [0, 2, 1],
      ]),
    },
    {
      name: 'c',
      table: table([
        [0, 1, 1],
        [59, 1, 1],
      ]),
    },
  ])
  assert.deepEqual(use, {
    union: { pairs: 4, calls: 3 },
    common: { pairs: 1, calls: 1 },
    hosts: [
      { name: 'a', pairs: 3, calls: 2, pairShare: 0.75, callShare: 2 / 3 },
      { name: 'b', pairs: 2, calls: 1, pairShare: 0.5, callShare: 1 / 3 },
      { name: 'c', pairs: 2, calls: 2, pairShare: 0.5, callShare: 2 / 3 },
    ],
    onHosts: [2, 1, 1],
    byCall: [
      { call: 0, hosts: 3, pairs: 2 },
      { call: 3, hosts: 1, pairs: 1 },
      { call: 59, hosts: 1, pairs: 1 },
    ],
  })
  assert.deepEqual(programUse([]).union, { pairs: 0, calls: 0 })
})

test('stability: means of each hour, four weeks of them', () => {
  const hour = 3_600_000
  const stability = new Stability()
  stability.add(10, 0, 5)
  stability.add(20, 3, 6)
  stability.add(4, 1, hour)
  assert.deepEqual(stability.hours(), [
    { at: 0, looks: 2, processes: 15, abnormal: 1.5 },
    { at: hour, looks: 1, processes: 4, abnormal: 1 },
  ])
  for (let n = 2; n < 1000; n++) stability.add(1, 0, n * hour)
  assert.equal(stability.hours().length, 4 * 168)
  const again = new Stability()
  again.restore([...stability.hours(), { at: Number.NaN, looks: 1, processes: 1, abnormal: 1 }])
  assert.deepEqual(again.hours(), stability.hours())
})

test('plots hold their figures, and whatever names hosts have cannot get out of their place', () => {
  const evil = '</text><script>alert(1)</script>\u202e"&'
  const drawings = [
    matrixSvg(evil, [evil, 'b'], { [evil]: { [evil]: 0, b: 0.25 }, b: { [evil]: 0.25, b: 0 } }),
    barsSvg(evil, [{ name: evil, value: 3, words: evil }]),
    weekSvg(evil, [{ name: evil, hours: new Uint8Array(168).fill(3) }]),
    stabilitySvg(evil, [{ at: 0, processes: 3, abnormal: 1 }]),
  ]
  for (const svg of drawings) {
    assert.ok(!svg.includes('<script') && !svg.includes('\u202e'), svg)
    // Every tag is closed, and nothing else stands between them.
    const open: string[] = []
    for (const [, closing, name, rest] of svg.matchAll(/<(\/?)([a-z]+)([^<>]*)>/g))
      if (closing) assert.equal(open.pop(), name)
      else if (!rest?.endsWith('/')) open.push(name as string)
    assert.deepEqual(open, [])
  }
  assert.match(drawings[0] as string, /: 0\.250</)
  assert.equal((drawings[2] as string).match(/<rect/g)?.length, 169)
  const html = reportHtml(evil, [{ title: evil, words: `one\n${evil}`, svg: drawings[1] as string }])
  assert.ok(!html.includes('<script') && html.includes("default-src 'none'") && !html.includes('<?xml'))
})
