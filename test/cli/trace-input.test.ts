/** `lymph trace` and bad input: exit 2, one line that says what, why and what to do, nothing written. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { at, cycle, folder, refused, trace } from './trace-run.ts'

writeFileSync(at('normal.int'), cycle(5, [3, 4, 6], 50))
writeFileSync(at('odd.int'), cycle(7, [3, 4, 6, 99], 4))
const profile = at('profile')
trace('learn', '--window', '9', '--empty', 'skip', '-o', profile, at('normal.int'))

test('a profile of another window, ABI or rule is refused', () => {
  refused(
    /profile: it was learned with windows of 9 calls, and 6 are wanted/,
    'score',
    '--profile',
    profile,
    '--window',
    '6',
    at('odd.int'),
  )
  refused(
    /profile: its call numbers are .*'s, and arm64's are wanted/,
    'score',
    '--profile',
    profile,
    '--abi',
    'arm64',
    at('odd.int'),
  )
  refused(
    /profile: it was learned with --empty skip, and symbol is wanted/,
    'score',
    '--profile',
    profile,
    '--empty',
    'symbol',
    at('odd.int'),
  )
  refused(/odd\.int: it is no lymph profile/, 'score', '--profile', at('odd.int'), at('odd.int'))
  refused(/nowhere: there is no such file/, 'score', '--profile', at('nowhere'), at('odd.int'))
})

test('a truncated, binary or foreign file leaves nothing behind', () => {
  writeFileSync(at('cut.int'), '5 3\n5 4\n5')
  writeFileSync(at('binary'), Buffer.from([1, 2, 3, 0, 255]))
  writeFileSync(at('words'), 'Once upon a time.\n')
  const gz = gzipSync(cycle(1, [1, 2, 3], 50_000))
  writeFileSync(at('cut.gz'), gz.subarray(0, gz.length - 12))
  const before = readFileSync(profile)
  for (const [file, why] of [
    ['cut.int', /cut\.int: line 3: ends after a pid without its call: the file was cut short/],
    ['binary', /binary: byte 0: a binary file, no trace: lymph reads strace/],
    ['words', /words: line 1: no trace begins with 'Once upon a time\.'/],
    ['cut.gz', /cut\.gz: the compressed file was cut short: get it whole/],
    ['missing', /missing: there is no such file or folder/],
  ] as const) {
    refused(why, 'learn', '-o', profile, at('normal.int'), at(file))
    refused(why, 'learn', '-o', at('new'), at('normal.int'), at(file))
    refused(why, 'score', '--json', '--profile', profile, at('normal.int'), at(file))
    refused(why, 'convert', '-o', at('new'), at(file))
  }
  assert.deepEqual(readFileSync(profile), before)
  assert.deepEqual(
    readdirSync(folder).filter((name) => name === 'new' || name.endsWith('.tmp')),
    [],
  )
})

test('where a profile cannot be written, why and what is left', () => {
  refused(
    /nowhere\/profile: it cannot be written: there is no such file or folder; nothing was changed/,
    'learn',
    '-o',
    at('nowhere/profile'),
    at('normal.int'),
  )
  mkdirSync(at('taken'))
  refused(
    /taken: it cannot be written: .*; nothing was changed/,
    'learn',
    '-o',
    at('taken'),
    at('normal.int'),
  )
  assert.ok(statSync(at('taken')).isDirectory())
})

test('a full disk leaves the old profile', {
  skip:
    existsSync('/dev/shm') && process.getuid?.() === 0 ? false : 'needs root to mount a small file system',
}, (t) => {
  const small = at('small')
  mkdirSync(small)
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'lymph-test', small]).status !== 0)
    return t.skip('a file system cannot be mounted here')
  try {
    writeFileSync(join(small, 'profile'), 'old')
    writeFileSync(join(small, 'fill'), Buffer.alloc(4096))
    refused(
      /small\/profile: it cannot be written: the disk is full; nothing was changed/,
      'learn',
      '-o',
      join(small, 'profile'),
      at('normal.int'),
    )
    assert.equal(readFileSync(join(small, 'profile'), 'utf8'), 'old')
    assert.deepEqual(readdirSync(small), ['fill', 'profile'])
  } finally {
    spawnSync('umount', [small])
  }
})

test('options that are none are refused before anything is read', () => {
  refused(
    /--window 10: a window has 2 to 9 calls/,
    'learn',
    '--window',
    '10',
    '-o',
    at('new'),
    at('normal.int'),
  )
  refused(/--format/, 'learn', '--format', 'csv', '-o', at('new'), at('normal.int'))
  refused(/--abi/, 'learn', '--abi', 'mips', '-o', at('new'), at('normal.int'))
  refused(/output/, 'learn', at('normal.int'))
  refused(/--sha256: 64 hexadecimal digits/, 'learn', '--sha256', 'ab', '-o', at('new'), at('normal.int'))
  refused(/missing required argument 'file'/, 'score', '--profile', profile)
})
