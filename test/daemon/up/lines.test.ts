import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LineSplitter, throttled } from '../../../src/daemon/up/lines.ts'

function split(pieces: string[], limit: number): string[] {
  const lines: string[] = []
  const splitter = new LineSplitter(limit, (line) => void lines.push(line))
  for (const piece of pieces) splitter.take(piece)
  splitter.end()
  return lines
}

test('lines come whole, however they are cut into pieces', () => {
  for (const pieces of [
    ['one\ntwo\n\nthree'],
    ['o', 'ne', '\n', 'two\n', '\nthree'],
    ['one\r\ntwo\r\n\nthr', 'ee\n'],
  ])
    assert.deepEqual(split(pieces, 100), ['one', 'two', '', 'three'])
  assert.deepEqual(split(['one\n'], 100), ['one'])
})

test('a line of any length takes no more than the limit, and the next one is whole', () => {
  const pieces = [...Array(1000).fill('x'.repeat(1000)), 'y\nnext\n']
  assert.deepEqual(split(pieces, 10), ['xxxxxxxxxx (and 999991 characters more)', 'next'])
  // What has no end takes no more either, and is told of when the stream ends.
  assert.deepEqual(split(['z'.repeat(50)], 10), ['zzzzzzzzzz (and 40 characters more)'])
  assert.deepEqual(split(['0123456789\n'], 10), ['0123456789'])
})

test('beyond so many in a second lines are counted, and the count is told', () => {
  let now = 5000
  const said: string[] = []
  const say = throttled(
    3,
    (line) => void said.push(line),
    () => now,
  )
  for (let i = 0; i < 10; i++) say(`a${i}`)
  assert.deepEqual(said, ['a0', 'a1', 'a2'])
  now = 6000
  say('b')
  assert.deepEqual(said.slice(3), ['7 lines more than 3 in one second were left out', 'b'])
  now = 7999
  say('c')
  assert.deepEqual(said.slice(5), ['c'])
})
