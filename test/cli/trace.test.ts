/** `lymph trace` as it is run: results and exit codes. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { decodeProfile } from '#homeostasis'
import { at, cycle, refused, rows, trace } from './trace-run.ts'
import { streamed } from './trace-stream.ts'

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
