import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClassBoard, settleClasses } from '#classes'

test('the classes of a source are those wanted: made, lengthened, shortened, taken away; other sources keep theirs', () => {
  const board = new ClassBoard()
  const held = () => board.at(50).map(({ name, source, until }) => `${name}/${source}/${until}`)
  board.set('other', 'agent', 0, 0)
  board.set('a', 'agent', 500, 0)
  settleClasses(
    board,
    'mesh',
    [
      { name: 'a', until: 100 },
      { name: 'b', until: 200 },
    ],
    0,
  )
  assert.deepEqual(held(), ['a/agent/500', 'a/mesh/100', 'b/mesh/200', 'other/agent/0'])
  settleClasses(
    board,
    'mesh',
    [
      { name: 'a', until: 300 },
      { name: 'b', until: 150 },
      { name: 'gone', until: 10 },
    ],
    20,
  )
  assert.deepEqual(held(), ['a/agent/500', 'a/mesh/300', 'b/mesh/150', 'other/agent/0'])
  const since = board.at(50).find(({ name, source }) => name === 'a' && source === 'mesh')?.since
  assert.equal(since, 0, 'what goes on has not begun anew')
  settleClasses(board, 'mesh', [], 30)
  assert.deepEqual(held(), ['a/agent/500', 'other/agent/0'])
})
