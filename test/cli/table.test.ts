import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Column, facts, table } from '../../src/cli/table.ts'

interface Row {
  name: string
  n: number
}

const columns: Column<Row>[] = [
  { head: 'N', cell: (r) => r.n, right: true },
  { head: 'NAME', cell: (r) => r.name, shrink: true },
]

test('into a pipe everything is whole', () => {
  const name = `/${'very/long/'.repeat(30)}path`
  const text = table([{ name, n: 7 }], columns, 'none', {})
  assert.deepEqual(text.split('\n'), ['N  NAME', `7  ${name}`])
})

test('on a narrow terminal a path keeps its end, and no line is too long', () => {
  const rows = [
    { name: '/usr/lib/x86_64-linux-gnu/very/deep/folder/program', n: 123_456 },
    { name: 'short', n: 1 },
  ]
  const lines = table(rows, columns, 'none', { isTTY: true, columns: 30 }).split('\n')
  assert.deepEqual(lines, ['     N  NAME', '123456  …y/deep/folder/program', '     1  short'])
  for (const line of lines) assert.ok(line.length <= 30, line)
})

test('wide letters take two columns', () => {
  const lines = table(
    [
      { name: '日本', n: 1 },
      { name: 'abcd', n: 2 },
    ],
    [...columns].reverse(),
    'none',
    {},
  ).split('\n')
  assert.deepEqual(lines, ['NAME  N', '日本  1', 'abcd  2'])
})

test('many rows are one table, in bearable time', () => {
  const rows = Array.from({ length: 20_000 }, (_, n) => ({ name: `program-${n}`, n }))
  const began = performance.now()
  const lines = table(rows, columns, 'none', {}).split('\n')
  assert.equal(lines.length, 20_001)
  assert.equal(lines.filter((line) => line.includes('NAME')).length, 1)
  assert.equal(lines[1], '    0  program-0')
  assert.equal(lines.at(-1), '19999  program-19999')
  assert.ok(performance.now() - began < 30_000)
})

test('no rows are said in words', () => {
  assert.equal(table([], columns, 'nothing yet'), 'nothing yet')
})

test('facts stand under one another', () => {
  assert.equal(
    facts([
      ['a', 1],
      ['long name', undefined],
    ]),
    'a          1\nlong name  -',
  )
})
