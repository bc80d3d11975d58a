import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Turns } from '../../src/mesh/sync/turns.ts'

test('one after the other while the first gets on; beside it once it stands still', () => {
  const turns = new Turns({ atOnce: 1, atMost: 3 })
  assert.ok(turns.free(0))
  turns.begin('a', 0)
  assert.ok(!turns.free(500))
  turns.stir('a', 900)
  assert.ok(!turns.free(1800), 'something came less than a second ago')
  assert.ok(turns.free(2000), 'it stands still')
  turns.begin('b', 2000)
  assert.ok(!turns.free(2100), 'the second gets on')
  turns.end('b', 2200)
  assert.ok(turns.free(2200))
})

test('whoever takes its time holds nobody up, nor the next time, until it has been quick', () => {
  const turns = new Turns({ atOnce: 1, atMost: 3 })
  turns.begin('slow', 0)
  for (let now = 500; now < 10_500; now += 500) {
    turns.stir('slow', now)
    assert.ok(!turns.free(now) || now > 10_000, `${now}`)
  }
  assert.ok(turns.free(10_500))
  turns.end('slow', 11_000)
  turns.begin('slow', 12_000)
  assert.ok(turns.free(12_001), 'it is known')
  turns.end('slow', 12_100)
  turns.begin('slow', 13_000)
  assert.ok(!turns.free(13_001), 'it was quick: it counts again')
})

test('never more than there may be, however slow they are', () => {
  const turns = new Turns({ atOnce: 1, atMost: 2 })
  turns.begin('a', 0)
  turns.begin('b', 0)
  assert.ok(!turns.free(60_000))
  assert.equal(turns.size, 2)
  turns.end('a', 60_000)
  assert.ok(turns.free(60_000))
})
