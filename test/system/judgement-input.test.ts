/** `trace score --judge` on what a person may give it: pairs of two columns, one process of many, and what is no trace. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'

const main = join(import.meta.dirname, '../../src/cli/main.ts')
const folder = mkdtempSync(join(tmpdir(), 'lymph-input-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const trace = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'trace', ...args], {
    encoding: 'utf8',
    cwd: folder,
  })
  const lines = (text: string) => text.split('\n').filter((line) => line !== '')
  return { status, out: lines(stdout), err: lines(stderr) }
}
const score = (...args: string[]) => trace('score', '--judge', '--profile', 'profile', ...args)
const write = (name: string, content: string | Buffer) => {
  writeFileSync(join(folder, name), content)
  return name
}
/** As UNM's files are: pid and number. */
const pairs = (pid: number, calls: readonly number[]) => calls.map((call) => `${pid} ${call}\n`).join('')

const usual = [5, 3, 3, 4, 6, 5, 3, 4, 4, 6, 90, 91, 5, 3, 6, 1]
const odd = [5, 3, 3, 4, 6, 11, 63, 63, 102, 102, 11, 1]
const strace =
  'execve("/bin/x", ["x"], 0x7ffc /* 9 vars */) = 0\nbrk(NULL) = 0x55\nopenat(AT_FDCWD, "/etc/x", O_RD'

describe('trace score --judge', () => {
  before(() => {
    const normal = Array.from({ length: 60 }, (_, i) => write(`normal-${i}`, pairs(100 + i, usual)))
    const { status } = trace('learn', '--window', '9', '--abi', 'i386', '-o', 'profile', ...normal)
    assert.equal(status, 0)
  })

  it('takes two columns, several processes of one file each by itself, and one alone', () => {
    const { status, out } = score('--json', write('two', pairs(7, usual) + pairs(8, odd)))
    assert.equal(status, 1)
    const [seven, eight] = out.map((line) => JSON.parse(line))
    assert.deepEqual([seven.pid, seven.severity], [7, 'none'])
    assert.deepEqual([eight.pid, eight.severity], [8, 'severe'])
    assert.ok(eight.why.windows.length > 0)
    const alone = score('--json', write('one', pairs(8, odd)))
    assert.deepEqual(JSON.parse(alone.out[0]!).bits, eight.bits)
  })

  it('an empty trace is not called usual', () => {
    const { status, out } = score('--json', write('empty', ''))
    assert.equal(status, 0)
    assert.deepEqual(
      out.map((line) => JSON.parse(line)).map(({ bits, severity, why }) => [bits, severity, why.note]),
      [[null, 'none', 'it has no calls: nothing to judge']],
    )
  })

  const refused: [what: string, expected: RegExp, args: () => string[]][] = [
    [
      'a binary file',
      /binary: byte \d+: a binary file, no trace/,
      () => [write('binary', Buffer.from([1, 2, 0, 4, 5]))],
    ],
    [
      'strace text that was cut',
      /cut: line 3: ends in the middle: the file was cut short/,
      () => [write('cut', strace)],
    ],
    ['prose', /prose: line 1: /, () => [write('prose', 'Dear reader, this is no trace.\n')]],
    ['a file that is not there', /nowhere: there is no such file or folder/, () => ['nowhere']],
    [
      'another window',
      /windows of 9 calls, and 6 are wanted/,
      () => ['--window', '6', write('one', pairs(8, odd))],
    ],
    [
      'another ABI',
      /call numbers are i386's, and x86-64's are wanted/,
      () => ['--abi', 'x86-64', write('one', pairs(8, odd))],
    ],
  ]
  for (const [what, expected, args] of refused)
    it(`${what} is refused with one line`, () => {
      const { status, out, err } = score(...args())
      assert.equal(status, 2)
      assert.deepEqual(out, [])
      assert.equal(err.length, 1, err.join('\n'))
      assert.match(err[0]!, expected)
    })

  it('a profile that is none, or was cut, is refused with one line', () => {
    for (const name of [write('none', pairs(1, usual)), write('nothing', '')]) {
      const { status, err } = trace('score', '--judge', '--profile', name, write('one', pairs(8, odd)))
      assert.deepEqual([status, err.length], [2, 1])
      assert.match(err[0]!, /it is no lymph profile/)
    }
  })
})
