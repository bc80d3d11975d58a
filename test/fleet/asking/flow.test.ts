import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AnswerGate, AskQueue, containedIn, PairHash, pairHashes, Recurrence, WaveBook } from '#fleet'

const hour = 3_600_000
const day = 24 * hour
const hash = new PairHash(Buffer.alloc(32, 3))

test('the severe are asked about first, twenty at once, sixty an hour', () => {
  const queue = new AskQueue<string>()
  for (let i = 0; i < 30; i++) queue.submit(`mild ${i}`, 1, i)
  queue.submit('severe', 9, 30)
  const first = queue.next(31).start
  assert.equal(first.length, 20)
  assert.equal(first[0], 'severe')
  assert.equal(first[1], 'mild 0')
  assert.deepEqual(queue.next(32).start, [])
  for (const one of first) queue.finish(one)
  assert.equal(queue.next(33).start.length, 11)
  let asked = 31
  for (let i = 0; i < 100; i++) queue.submit(`more ${i}`, 1, 40)
  for (let t = 40; t < 60_000; t += 1000) {
    const { start } = queue.next(t)
    asked += start.length
    for (const one of start) queue.finish(one)
  }
  assert.ok(asked <= 62, `${asked}`)
})

test('what waits ten minutes is not asked, nor the least severe beyond two hundred', () => {
  const queue = new AskQueue<number>({ perHour: 0.001 })
  for (let i = 0; i < 200; i++) assert.deepEqual(queue.submit(i, 2, 0), [])
  assert.deepEqual(queue.submit(-1, 1, 0), [-1])
  assert.deepEqual(queue.submit(-2, 3, 0), [199])
  assert.equal(queue.gauge().waiting, 200)
  const { start, notAsked } = queue.next(10 * 60_000)
  assert.deepEqual(start, [])
  assert.equal(notAsked.length, 200)
  assert.equal(queue.gauge().notAsked, 202)
})

test('an answerer is busy over ten questions a minute of one peer, sixty of all, 4,096 pairs an hour', () => {
  const gate = new AnswerGate()
  for (let i = 0; i < 10; i++) assert.ok(gate.admit('a', 10, 0))
  assert.ok(!gate.admit('a', 10, 59_000))
  assert.ok(gate.admit('a', 10, 60_000))
  const all = new AnswerGate()
  for (let i = 0; i < 60; i++) assert.ok(all.admit(`${i}`, 1, 0))
  assert.ok(!all.admit('60', 1, 1))
  const pairs = new AnswerGate()
  for (let i = 0; i < 15; i++) assert.ok(pairs.admit('a', 264, i * 60_000))
  assert.ok(!pairs.admit('a', 264, 16 * 60_000))
  assert.ok(pairs.admit('a', 264, 60 * 60_000))
  assert.equal(pairs.gauge().busy, 1)
})

test('an answerer counts no more than so many peers apart', () => {
  const gate = new AnswerGate({ peers: 100, perMinute: 1e9 })
  for (let i = 0; i < 1000; i++) gate.admit(`${i}`, 1, 0)
  assert.equal(gate.gauge().peers, 100)
})

const pairs = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)
const raised = (peer: string, codes: number[], at: number, key = 'x') => ({
  peer,
  key,
  program: 'lpr',
  raised: at,
  hashes: pairHashes(codes, hash),
})

test('an incident with 80 % of the unfamiliar pairs is joined: of another program, older or with less is not', () => {
  const book = new WaveBook()
  book.raise(raised('a', pairs(0, 8), 0))
  const own = pairHashes(pairs(0, 10), hash)
  assert.equal(book.find('lpr', own, day)?.peer, 'a')
  assert.equal(book.find('other', own, day), undefined)
  assert.equal(book.find('lpr', own, 8 * day), undefined)
  assert.equal(book.find('lpr', pairHashes(pairs(0, 11), hash), day), undefined)
  book.clear({ peer: 'a', key: 'x' })
  assert.equal(book.find('lpr', own, day), undefined)
})

test('a peer that holds all its incidents at once cannot push out others', () => {
  const book = new WaveBook()
  book.raise(raised('honest', pairs(0, 10), 0))
  for (let i = 0; i < 10_000; i++) book.raise(raised('flood', pairs(1000 + i, 3), 1 + i, `${i}`))
  assert.equal(book.gauge().incidents, 65)
  assert.equal(book.find('lpr', pairHashes(pairs(0, 10), hash), day)?.peer, 'honest')
})

test('lists that were cut at 64 are compared as far as both go', () => {
  const all = pairs(0, 500)
  const theirs = pairHashes(all, hash)
  assert.equal(theirs.length, 64)
  assert.equal(containedIn(pairHashes(all.slice(0, 400), hash), new Set(theirs), theirs.at(-1)), 1)
  assert.ok(containedIn(pairHashes(pairs(0, 900), hash), new Set(theirs), theirs.at(-1)) < 0.8)
})

test('a page waits for a second process with such a pair, seven days at most', () => {
  const held = new Recurrence<string>()
  held.hold('one', 'lpr', [1, 2, 3], 0)
  assert.deepEqual(held.shown('lpr', [1], 0), [])
  assert.deepEqual(held.shown('lpr', [7, 8], 1), [])
  assert.deepEqual(held.shown('other', [1], 1), [])
  assert.deepEqual(held.shown('lpr', [9, 2], hour), [{ incident: 'one', codes: [1, 2, 3] }])
  assert.deepEqual(held.shown('lpr', [9, 2], 2 * hour), [])
  held.hold('late', 'lpr', [1], 0)
  assert.deepEqual(held.shown('lpr', [1], 8 * day), [])
  held.hold('over', 'lpr', [1], 0)
  assert.deepEqual(held.expire(7 * day), [])
  assert.deepEqual(held.waiting(), ['over'])
  assert.deepEqual(held.expire(7 * day + 1), ['over'])
  held.hold('resolved', 'lpr', [1], 0)
  held.release('resolved')
  assert.deepEqual(held.shown('lpr', [1], 1), [])
})

test('what gives way to a flood of waiting incidents is paged for', () => {
  const held = new Recurrence<number>()
  const paged: number[] = []
  for (let i = 0; i < 70; i++) paged.push(...held.hold(i, 'lpr', [i], i))
  assert.deepEqual(paged, [0, 1, 2, 3, 4, 5])
  assert.equal(held.gauge().waiting, 64)
})
