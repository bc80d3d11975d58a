/** `lymph trace` as it is run: results, exit codes, and one line for whatever is wrong. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { decodeProfile } from '#homeostasis'
import { streamed } from './trace-stream.ts'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'lymph-trace-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string) => join(folder, name)

function trace(...args: string[]): { status: number | null; out: string; err: string } {
  const env = { ...process.env, NO_COLOR: '1', SOURCE_DATE_EPOCH: '1000000000' }
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'trace', ...args], {
    encoding: 'utf8',
    env,
  })
  return { status, out: stdout, err: stderr }
}

/** Exit 2, nothing on standard output, one line. */
function refused(why: RegExp, ...args: string[]): void {
  const { status, out, err } = trace(...args)
  assert.equal(status, 2, `${args.join(' ')}: ${out}${err}`)
  assert.equal(out, '')
  const lines = err
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('lymph trace: '))
  assert.equal(lines.length, 1, err)
  assert.match(lines[0]!, why)
  assert.ok(!/\n\s+at /.test(err), 'no stack')
}

const rows = (out: string) =>
  out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

const cycle = (pid: number, calls: number[], times: number) =>
  Array.from({ length: times }, () => calls.map((call) => `${pid} ${call}\n`).join('')).join('')

writeFileSync(at('normal.int'), cycle(5, [3, 4, 6], 50))
writeFileSync(at('odd.int'), `${cycle(7, [3, 4, 6], 4)}8 3\n7 99\n${cycle(7, [3, 4, 6], 4)}`)
const profile = at('profile')
const learned = trace('learn', '--window', '9', '--empty', 'skip', '-o', profile, at('normal.int'))

test('learn tells what it learned, and writes a profile', () => {
  assert.equal(learned.status, 0, learned.err)
  assert.match(learned.out, /profile: 24 pairs from 150 calls of 1 file\(s\), window 9, \S+, empty skip/)
  const record = decodeProfile(readFileSync(profile))
  assert.equal(record.key.window, 9)
  assert.equal(record.empty, 'skip')
  assert.equal(record.tables.calls, 150)
  assert.equal(record.since, 1_000_000_000_000)
  const again = trace(
    'learn',
    '--window',
    '9',
    '--empty',
    'skip',
    '--json',
    '-o',
    at('again'),
    at('normal.int'),
  )
  assert.equal((JSON.parse(again.out) as { pairs: number }).pairs, 24)
  assert.deepEqual(readFileSync(at('again')), readFileSync(profile))
})

test('score: one object a trace; exit 1 when any is anomalous, 0 when none is', () => {
  const odd = trace('score', '--profile', profile, '--json', at('odd.int'))
  assert.equal(odd.status, 1)
  // One foreign call in a settled cycle makes nine anomalous calls (reference: pH's golden vectors).
  assert.deepEqual(rows(odd.out), [
    { trace: 'odd.int#7', calls: 25, anomalous: 9, maxLfc: 9, file: at('odd.int'), pid: 7 },
    { trace: 'odd.int#8', calls: 1, anomalous: 0, maxLfc: 0, file: at('odd.int'), pid: 8 },
  ])
  const same = trace(
    'score',
    '--profile',
    profile,
    '--window',
    '9',
    '--empty',
    'skip',
    '--json',
    at('normal.int'),
  )
  assert.equal(same.status, 0)
  assert.deepEqual(rows(same.out)[0]!.anomalous, 0)
  const text = trace('score', '--profile', profile, at('odd.int'))
  assert.equal(text.status, 1)
  assert.deepEqual(text.out.trim().split(/\s+/).slice(0, 9), [
    'CALLS',
    'ANOMALOUS',
    'MAX',
    'LFC',
    'TRACE',
    '25',
    '9',
    '9',
    'odd.int#7',
  ])
})

test('the start of a process is a symbol unless said otherwise', () => {
  const whole = at('whole')
  trace('learn', '--window', '9', '-o', whole, at('normal.int'))
  assert.equal(decodeProfile(readFileSync(whole)).empty, 'symbol')
  // Process 7 starts as 5 did; 8 does too.
  assert.deepEqual(
    rows(trace('score', '--profile', whole, '--json', at('odd.int')).out).map((row) => row.anomalous),
    [9, 0],
  )
  writeFileSync(at('late.int'), '1 4\n1 6\n1 3\n')
  assert.equal(rows(trace('score', '--profile', whole, '--json', at('late.int')).out)[0]!.anomalous, 2)
  assert.equal(rows(trace('score', '--profile', profile, '--json', at('late.int')).out)[0]!.anomalous, 0)
})

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

const log = [
  '10 execve("/bin/a", ["a"], 0x7ffe /* 9 vars */) = 0',
  '10 brk(NULL) = 0x5594e1e9a000',
  '10 vfork( <unfinished ...>',
  '11 execve("/bin/b", ["b"], 0x7ffe /* 9 vars */) = 0',
  '10 <... vfork resumed>) = 11',
  '11 getpid() = 11',
  '11 frobnicate(1) = 0',
  '11 +++ exited with 0 +++',
  '10 getuid() = 0',
  '10 +++ exited with 0 +++',
]
writeFileSync(at('log.strace'), `${log.join('\n')}\n`)

test('--binary: only while they run that program; names of its own are kept', () => {
  const only = at('only')
  assert.equal(
    trace('learn', '--abi', 'x86-64', '--binary', '/bin/b', '-o', only, at('log.strace')).status,
    0,
  )
  const record = decodeProfile(readFileSync(only))
  assert.equal(record.key.binary, '/bin/b')
  assert.equal(record.tables.calls, 2)
  assert.deepEqual([...record.names], [[512, 'frobnicate']])
  assert.deepEqual(
    rows(trace('score', '--profile', only, '--json', '--binary', '/bin/b', at('log.strace')).out),
    [{ trace: 'log.strace#11', calls: 2, anomalous: 0, maxLfc: 0, file: at('log.strace'), pid: 11 }],
  )
  const all = rows(trace('score', '--profile', only, '--json', at('log.strace')).out)
  assert.deepEqual(
    all.map((row) => [row.trace, row.calls, row.anomalous]),
    [
      ['log.strace#10', 4, 4],
      ['log.strace#11', 3, 1],
    ],
  )
  refused(
    /no process of these traces ran \/bin\/c: they ran \/bin\/a, \/bin\/b/,
    'learn',
    '--binary',
    '/bin/c',
    '-o',
    at('new'),
    at('log.strace'),
  )
  refused(
    /no process of these traces ran \/bin\/c: they do not say what was run/,
    'learn',
    '--binary',
    '/bin/c',
    '-o',
    at('new'),
    at('normal.int'),
  )
})

test('a converted trace is the same trace', () => {
  const converted = trace('convert', '--abi', 'x86-64', '--json', '-o', at('log'), at('log.strace'))
  assert.equal(converted.status, 0, converted.err)
  assert.equal((JSON.parse(converted.out) as { calls: number }).calls, 7)
  for (const window of ['2', '6', '9']) {
    trace('learn', '--window', window, '--abi', 'x86-64', '-o', at('from-strace'), at('log.strace'))
    trace('learn', '--window', window, '--abi', 'x86-64', '-o', at('from-lymph'), at('log'))
    assert.deepEqual(readFileSync(at('from-lymph')), readFileSync(at('from-strace')))
  }
  refused(/recorded on x86-64, and arm64 is asked for/, 'learn', '--abi', 'arm64', '-o', at('new'), at('log'))
  mkdirSync(at('two'))
  writeFileSync(at('two/a'), '1 2\n1 2\n')
  writeFileSync(at('two/b'), '1 2\n1 2\n')
  refused(/it holds more than one trace/, 'convert', '-o', at('new'), at('two'))
})

test('a recorded command can be learned', {
  skip: spawnSync('strace', ['-V']).error ? 'strace is not installed' : false,
}, (t) => {
  const recorded = trace('record', '-o', at('run'), '--', 'sh', '-c', '/bin/echo from the command; exit 3')
  if (/not permitted/i.test(recorded.err)) return t.skip('strace may not trace here')
  assert.equal(recorded.status, 0, recorded.err)
  assert.equal(recorded.out, 'from the command\n')
  assert.match(recorded.err, /run: \d+ calls in \d+ bytes; the command ended with 3/)
  assert.equal(trace('learn', '--binary', '/bin/echo', '-o', at('echo'), at('run')).status, 0)
  assert.ok(decodeProfile(readFileSync(at('echo'))).tables.calls > 10)
  assert.equal(trace('score', '--binary', '/bin/echo', '--profile', at('echo'), at('run')).status, 0)
  refused(/there is no command 'nosuchcommand'/, 'record', '-o', at('new'), '--', 'nosuchcommand')
  assert.ok(!existsSync(at('new')))
})

test('empty files are processes without calls, and single calls are traces', () => {
  mkdirSync(at('small-files'))
  writeFileSync(at('small-files/a.txt'), 'read write read close\n')
  writeFileSync(at('small-files/b.txt'), '')
  writeFileSync(at('small-files/c.txt'), 'read')
  const small = at('small-profile')
  assert.equal(trace('learn', '--empty', 'skip', '-o', small, at('small-files')).status, 0)
  assert.deepEqual(
    rows(trace('score', '--profile', small, '--json', at('small-files')).out).map((row) => [
      row.trace,
      row.calls,
    ]),
    [
      ['a.txt', 4],
      ['b.txt', 0],
      ['c.txt', 1],
    ],
  )
})

test('memory does not grow with the trace', async () => {
  for (const format of ['strace', 'pairs'] as const) {
    const learn = ['trace', 'learn', '--window', '9', '-o', at('streamed')]
    const small = await streamed(learn, format, 4e6)
    const large = await streamed(learn, format, 100e6)
    assert.equal(large.exit, 0, large.stderr)
    assert.ok(
      large.peakRssMiB < small.peakRssMiB + 60,
      `${format}: ${large.peakRssMiB} MiB for 100 MB, ${small.peakRssMiB} MiB for 4 MB`,
    )
  }
})
