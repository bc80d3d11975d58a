import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TraceError } from '#syscalls'
import { tell } from './read.ts'

const pairs = ['460 read', '460 write', '7 read']

test('pid call pairs, whatever ends a line and whatever stands around', async () => {
  for (const text of [
    '460 0\n460 1\n7 0\n',
    '460 0\n460 1\n7 0',
    '460 0\r\n460 1\r\n7 0\r\n',
    '460 0\r460 1\r7 0\r',
    '  460\t0  \n\n460   1 \n \n7 0\n\n\n',
    '\xef\xbb\xbf460 00\n460 1\n007 0\n',
  ])
    for (const chunk of [1, 2, 3, 1000]) {
      const { format, told } = await tell(text, { chunk })
      assert.equal(format, 'pairs', JSON.stringify(text))
      assert.deepEqual(told, pairs, `${JSON.stringify(text)} by ${chunk}`)
    }
})

test('numbers of one process, on one line or many', async () => {
  for (const text of ['0 1 110', '0\n1\n110\n', ' 0 1\r\n110 ', '0\r1\r110'])
    for (const chunk of [1, 1000]) {
      const { format, told } = await tell(text, {
        chunk,
        format: text === ' 0 1\r\n110 ' ? 'numbers' : undefined!,
      })
      assert.equal(format, 'numbers')
      assert.deepEqual(told, ['0 read', '0 write', '0 getppid'])
    }
})

test('one line of two numbers is a pair, unless the files before were numbers', async () => {
  assert.equal((await tell('6 3\n')).format, 'pairs')
  assert.equal((await tell('6 3\n', { before: 'numbers' })).format, 'numbers')
  assert.equal((await tell('6 3\n', { before: 'pairs' })).format, 'pairs')
})

test('an empty file has no format and no calls', async () => {
  for (const text of ['', '\n\n', ' \r\n']) {
    const { format, told } = await tell(text)
    assert.equal(format, undefined)
    assert.deepEqual(told, [])
  }
})

test('large numbers are calls with names of their own', async () => {
  const { told } = await tell('5 512\n5 511\n5 4294967295\n5 512\n')
  assert.deepEqual(told, ['5 syscall_512', '5 syscall_511', '5 syscall_4294967295', '5 syscall_512'])
})

const refused: [why: RegExp, text: string][] = [
  [/line 3: ends after a pid without its call: the file was cut short/, '1 2\n1 3\n1'],
  [/line 2: one number where 'pid call' should be/, '1 2\n7\n1 3\n1 4\n'],
  [/line 3: one number where 'pid call' should be/, '1 2\r1 2\r7\n8 9\n1 1\n1 1\n'],
  [/line 2: more than the two numbers/, '1 2\n1 2 3\n1 2\n'],
  [/line 2: 'x 3\?' where a number should be/, '1 2\nx 3\n'],
  [/line 2: '-1\?' where a number should be/, '1 2\n-1\n'],
  [/line 1: 99999999999 is too large/, '1 99999999999\n'],
  [/line 1: .* too large/, `1 ${'9'.repeat(400)}\n`],
]

test('what is no trace, or not a whole one, is refused with the line and the reason', async () => {
  for (const [why, text] of refused)
    for (const chunk of [1, 1000])
      await assert.rejects(tell(text, { chunk }), (error) => {
        assert.ok(error instanceof TraceError)
        assert.match(error.message, /^x: /)
        assert.match(error.message, why)
        assert.ok(!error.message.includes('\n'))
        return true
      })
})

test('names of one process, known or not', async () => {
  for (const chunk of [1, 5, 1000]) {
    const { format, told } = await tell('read write\tpread64\r\nexit_groupexecve openat read ', { chunk })
    assert.equal(format, 'names')
    assert.deepEqual(told, ['0 read', '0 write', '0 pread64', '0 exit_groupexecve', '0 openat', '0 read'])
  }
})

test('prose, binaries and packed files are no traces', async () => {
  const cases: [RegExp, Uint8Array | string][] = [
    [/x: line 1: no trace begins with 'This is the file'/, 'This is the file\nthat explains it.\n'],
    [/x: line 1: no trace begins with 'hello world'/, 'hello world\n'],
    [/x: byte 4: a binary file, no trace/, Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0)],
    [/compressed with xz: unpack it first/, Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0)],
    [/a zip archive/, 'PK\x03\x04abc'],
    [/another version/, 'lymph trace 9\n{}\n'],
    [/line 1: no trace begins with '<html>/, '<html><body>read</body></html>'],
  ]
  for (const [why, bytes] of cases) await assert.rejects(tell(bytes), { name: 'TraceError', message: why })
  await assert.rejects(tell('read 5x', { format: 'names' }), /line 1: '5x' where the name of a call/)
  await assert.rejects(tell('read\nwr!te', { format: 'names' }), /line 2: '!te'/)
  await assert.rejects(tell('a'.repeat(300), { format: 'names' }), /where the name of a call/)
})
