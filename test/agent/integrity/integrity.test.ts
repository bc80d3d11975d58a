import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import {
  comparePaths,
  decodeEntry,
  encodeEntry,
  escapeBytes,
  unescapeBytes,
} from '../../../src/agent/integrity/entry.ts'
import {
  checkTree,
  type Finding,
  type IntegrityOptions,
  makeBaseline,
  openBaseline,
  PackageRecords,
  placesOf,
} from '../../../src/agent/integrity/index.ts'

const root = process.getuid?.() === 0
const noRoot = root ? false : 'only root gives files away'

function place(t: TestContext): { tree: string; options: IntegrityOptions; at: (path: string) => string } {
  const folder = mkdtempSync(join(tmpdir(), 'lymph-integrity-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const tree = join(folder, 'tree')
  mkdirSync(tree)
  const options = {
    folder: join(folder, 'kept'),
    name: 'test',
    roots: [tree],
    now: Date.now,
    workers: 2,
    packages: null,
  }
  return { tree, options, at: (path) => join(tree, path) }
}

/** `change path: what`, without the folder. */
const told = (findings: readonly Finding[], tree: string) =>
  findings.map(({ change, path, what }) => `${change} ${path.slice(tree.length)}: ${what}`)

test('what is left alone is no finding; every change is, as what it is', async (t) => {
  const { tree, options, at } = place(t)
  mkdirSync(at('a'))
  for (const name of ['content', 'mode', 'gone', 'owner', 'grown', 'linked', 'type', 'same'])
    writeFileSync(at(`a/${name}`), name)
  symlinkSync('here', at('a/link'))
  const made = await makeBaseline(options)
  assert.equal(made.entries, 11)
  assert.deepEqual((await checkTree(options)).findings, [])
  writeFileSync(at('a/content'), 'CONTENT')
  chmodSync(at('a/mode'), 0o4755)
  unlinkSync(at('a/gone'))
  appendFileSync(at('a/grown'), 'x')
  linkSync(at('a/linked'), at('a/other'))
  unlinkSync(at('a/type'))
  mkdirSync(at('a/type'))
  unlinkSync(at('a/link'))
  symlinkSync('there', at('a/link'))
  writeFileSync(at('new'), '')
  chmodSync(at('new'), 0o600)
  if (root) chownSync(at('a/owner'), 1234, 5678)
  const { findings, entries } = await checkTree(options)
  assert.equal(entries, 12)
  const expected = [
    'changed /a/content: content',
    'removed /a/gone: file is gone',
    'changed /a/grown: size 5 -> 6, content',
    'changed /a/link: size 4 -> 5, target here -> there',
    'changed /a/linked: links 1 -> 2',
    'changed /a/mode: mode 0644 -> 4755',
    'added /a/other: file, mode 0644',
    ...(root ? ['changed /a/owner: uid 0 -> 1234, gid 0 -> 5678'] : []),
    'changed /a/type: type f -> d',
    'added /new: file, mode 0600',
  ]
  assert.deepEqual(
    told(findings, tree).map((line) => line.replace(/(type f -> d).*/, '$1')),
    expected,
  )
})

test('the quick check reads nothing that was not touched, and so misses what was hidden', async (t) => {
  const { tree, options, at } = place(t)
  writeFileSync(at('touched'), 'one')
  writeFileSync(at('hidden'), 'one')
  await makeBaseline(options)
  assert.equal((await checkTree(options, { quick: true })).bytes, 0)
  writeFileSync(at('touched'), 'two')
  const report = await checkTree(options, { quick: true })
  assert.deepEqual(told(report.findings, tree), ['changed /touched: content'])
  assert.equal(report.bytes, 3)
  // mtime alone can be put back by anybody who owns the file: ctime cannot.
  const { atime, mtime } = statSync(at('hidden'))
  writeFileSync(at('hidden'), 'two')
  utimesSync(at('hidden'), atime, mtime)
  assert.equal((await checkTree(options, { quick: true })).findings.length, 2)
})

test('excludes leave out, by path and by pattern; other roots than those of the baseline are refused', async (t) => {
  const { tree, options, at } = place(t)
  mkdirSync(at('cache'))
  writeFileSync(at('cache/x'), '')
  const asked = { ...options, exclude: [at('cache'), `${tree}/*.log`] }
  await makeBaseline(asked)
  writeFileSync(at('cache/y'), '')
  writeFileSync(at('a.log'), '')
  writeFileSync(at('a.logs'), '')
  assert.deepEqual(told((await checkTree(asked)).findings, tree), ['added /a.logs: file, mode 0644'])
  await assert.rejects(checkTree(options), /other excludes or limits/)
  await assert.rejects(makeBaseline({ ...options, roots: [tree, at('cache')] }), /lies in/)
  await assert.rejects(makeBaseline({ ...options, roots: ['relative'] }), /full path/)
  await assert.rejects(makeBaseline({ ...options, name: '../x' }), /cannot name a baseline/)
})

test('a baseline that was changed is not used', async (t) => {
  const { options, at } = place(t)
  writeFileSync(at('a'), '')
  const { sha256 } = await makeBaseline(options)
  const file = placesOf(options.folder, 'test').baseline
  assert.equal(openBaseline(file).info.sha256, sha256)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const text = readFileSync(file, 'latin1')
  for (const changed of [
    text.replace(' 0644 ', ' 4755 '),
    text.slice(0, -10),
    '',
    text.replace('lymph', 'limph'),
  ]) {
    writeFileSync(file, changed)
    await assert.rejects(checkTree(options), /is not as it was written/)
  }
  rmSync(file)
  await assert.rejects(checkTree(options), /there is no baseline yet/)
})

test('hostile trees: FIFOs, sockets, loops, endless files, names that are no UTF-8, unreadable and vanishing ones', async (t) => {
  const { tree, options, at } = place(t)
  assert.equal(spawnSync('mkfifo', [at('fifo')]).status, 0)
  const server = createServer().listen(at('socket'))
  t.after(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  symlinkSync('.', at('loop'))
  symlinkSync('loop', at('loop2'))
  mkdirSync(at('deep'))
  writeFileSync(at('sparse'), '')
  truncateSync(at('sparse'), 2 ** 40)
  const odd = Buffer.concat([
    Buffer.from(`${tree}/`),
    Buffer.from([0xff, 0xfe, 0x0a, 0x09, 0x20, 0x5c, 0x80]),
  ])
  writeFileSync(odd, 'odd')
  writeFileSync(at('\u001b[2J\nname'), '')
  const asked = { ...options, largestBytes: 1024 * 1024 }
  const { entries } = await makeBaseline(asked)
  assert.equal(entries, 9)
  assert.deepEqual((await checkTree(asked)).findings, [])
  writeFileSync(odd, 'ODD')
  unlinkSync(at('fifo'))
  writeFileSync(at('fifo'), '')
  truncateSync(at('sparse'), 2 ** 40 + 1)
  const lines = told((await checkTree(asked)).findings, tree)
  assert.equal(lines.length, 3)
  assert.match(lines[0]!, /^changed \/fifo: type p -> f/)
  assert.equal(lines[1], `changed /sparse: size ${2 ** 40} -> ${2 ** 40 + 1}`)
  assert.equal(lines[2], 'changed /\\xff\\xfe\\u000a\\u0009 \\\\x80: content'.replace('\\\\x80', '\\\\x80'))
})

test('files that change, appear and vanish while they are read do no harm', async (t) => {
  const { options, at } = place(t)
  for (let n = 0; n < 300; n++) writeFileSync(at(`f${n}`), 'x'.repeat(1000))
  const busy = spawnSync('true')
  assert.equal(busy.status, 0)
  const churn = Array.from({ length: 40 }, (_, n) => n)
  await makeBaseline(options)
  const check = checkTree(options)
  for (const n of churn) {
    renameSync(at(`f${n}`), at(`g${n}`))
    appendFileSync(at(`f${n + 100}`), 'y')
    mkdirSync(at(`d${n}`))
  }
  const { findings } = await check
  for (const { change } of findings) assert.ok(['added', 'removed', 'changed', 'unreadable'].includes(change))
})

test('unreadable files and folders are told, not left out', {
  skip: root ? 'root reads everything' : false,
}, async (t) => {
  const { tree, options, at } = place(t)
  mkdirSync(at('closed'), { mode: 0 })
  writeFileSync(at('secret'), '', { mode: 0 })
  await makeBaseline(options)
  const lines = told((await checkTree(options)).findings, tree)
  assert.deepEqual(lines, ['unreadable /closed: it cannot be listed (EACCES)'])
  chmodSync(at('closed'), 0o700)
})

test('a run that is stopped goes on from there, and tells what a whole one tells', async (t) => {
  const { tree, options, at } = place(t)
  for (let d = 0; d < 40; d++) {
    mkdirSync(at(`d${d}`))
    for (let n = 0; n < 100; n++) writeFileSync(at(`d${d}/f${n}`), `${n}`)
  }
  // Progress is saved when so much time has gone by; here with every lot.
  let clock = Date.now()
  const stopAfter = (entries: number) => {
    const stop = new AbortController()
    const progress = (done: number) => {
      if (done >= entries) stop.abort()
    }
    return { ...options, now: () => (clock += 5000), signal: stop.signal, progress }
  }
  await assert.rejects(makeBaseline(stopAfter(1000)), { name: 'AbortError' })
  const stopped = JSON.parse(readFileSync(placesOf(options.folder, 'test').progress, 'utf8'))
  assert.ok(stopped.entries >= 1000 && stopped.entries < 4000, `stopped at ${stopped.entries}`)
  const resumed = await makeBaseline({ ...options, now: () => (clock += 5000) })
  const whole = await makeBaseline({ ...options, folder: `${options.folder}-2` })
  assert.equal(resumed.entries, whole.entries)
  const lines = (folder: string) =>
    readFileSync(placesOf(folder, 'test').baseline, 'latin1').split('\n').slice(2, -2)
  assert.deepEqual(lines(options.folder), lines(`${options.folder}-2`))
  for (const path of ['d0/f0', 'd17/f3', 'd9/f99']) writeFileSync(at(path), 'changed')
  await assert.rejects(checkTree(stopAfter(2000)), { name: 'AbortError' })
  const report = await checkTree({ ...options, now: () => (clock += 5000) })
  assert.ok(report.resumed)
  assert.equal(report.entries, whole.entries)
  assert.deepEqual(
    told(report.findings, tree).map((line) => line.split(':')[0]),
    ['changed /d0/f0', 'changed /d17/f3', 'changed /d9/f99'],
  )
})

test('fixing puts owner, mode and attributes back, and says what it cannot', { skip: noRoot }, async (t) => {
  const { tree, options, at } = place(t)
  for (const name of ['mode', 'owner', 'content', 'attribute', 'suid'])
    writeFileSync(at(name), name, { mode: 0o644 })
  chmodSync(at('suid'), 0o4755)
  symlinkSync('x', at('link'))
  const attribute = spawnSync('setfattr', ['-n', 'user.lymph', '-v', 'before', at('attribute')]).status === 0
  await makeBaseline(options)
  chmodSync(at('mode'), 0o777)
  chownSync(at('owner'), 1234, 5678)
  chownSync(at('suid'), 1234, 0)
  writeFileSync(at('content'), 'CONTENT')
  chmodSync(at('content'), 0o666)
  spawnSync('chown', ['-h', '1234:5678', at('link')])
  if (attribute) {
    spawnSync('setfattr', ['-n', 'user.lymph', '-v', 'after', at('attribute')])
    spawnSync('setfattr', ['-n', 'user.more', '-v', 'x', at('attribute')])
  }
  const { findings } = await checkTree(options, { fix: true })
  const of = (name: string) => findings.find(({ path }) => path === `${tree}/${name}`)
  assert.deepEqual(of('mode')?.fixed, { done: ['mode'], left: '' })
  assert.deepEqual(of('suid')?.fixed?.left, '')
  assert.match(of('content')?.fixed?.left ?? '', /content cannot be put back/)
  const again = await checkTree(options)
  assert.deepEqual(told(again.findings, tree), ['changed /content: content'])
  assert.equal(statSync(at('suid')).mode & 0o7777, 0o4755)
})

test('fixing never follows a link that came to stand on the way', { skip: noRoot }, async (t) => {
  const { tree, options, at } = place(t)
  mkdirSync(at('sub'))
  writeFileSync(at('sub/file'), '', { mode: 0o4755 })
  chmodSync(at('sub/file'), 0o4755)
  await makeBaseline(options)
  const victim = join(tree, '..', 'victim')
  mkdirSync(victim)
  writeFileSync(join(victim, 'file'), '', { mode: 0o600 })
  renameSync(at('sub'), at('moved'))
  symlinkSync(victim, at('sub'))
  await checkTree(options, { fix: true })
  assert.equal(statSync(join(victim, 'file')).mode & 0o7777, 0o600)
})

test('a change by a dpkg transaction is expected; the same change without one, or another content, is not', async (t) => {
  const { tree, options, at } = place(t)
  const info = join(tree, '..', 'info')
  const log = join(tree, '..', 'dpkg.log')
  mkdirSync(info)
  const packages = new PackageRecords({ dpkgInfo: info, dpkgLog: log, rpm: '/nonexistent' })
  for (const name of ['upgraded', 'forged', 'foreign', 'later']) writeFileSync(at(name), 'old')
  await makeBaseline({ ...options, packages })
  const md5 = (text: string) => spawnSync('md5sum', { input: text, encoding: 'utf8' }).stdout.slice(0, 32)
  writeFileSync(
    join(info, 'pkg.list'),
    ['upgraded', 'forged', 'later', 'new'].map((n) => `${at(n)}\n`).join(''),
  )
  const sums = ['upgraded', 'forged', 'later', 'new'].map(
    (n) => `${md5(n === 'new' ? 'n' : 'fresh')}  ${at(n).slice(1)}\n`,
  )
  writeFileSync(join(info, 'pkg.md5sums'), sums.join(''))
  writeFileSync(at('upgraded'), 'fresh')
  writeFileSync(at('new'), 'n')
  writeFileSync(at('forged'), 'evil!')
  writeFileSync(at('foreign'), 'fresh')
  const stamp = (ms: number) => {
    const two = (n: number) => String(n).padStart(2, '0')
    const d = new Date(ms)
    return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`
  }
  const now = Date.now()
  const before = await checkTree({ ...options, packages })
  assert.equal(before.expected.length, 0)
  assert.equal(before.findings.length, 4)
  writeFileSync(
    log,
    `${stamp(now)} upgrade pkg:amd64 1.0 2.0\n${stamp(now)} status unpacked pkg:amd64 2.0\n${stamp(now + 1000)} status installed pkg:amd64 2.0\n`,
  )
  const after = await checkTree({ ...options, packages })
  assert.deepEqual(
    told(after.expected, tree).map((line) => line.split(':')[0]),
    ['added /new', 'changed /upgraded'],
  )
  assert.match(after.expected[0]?.expected ?? '', /^pkg 2\.0: upgrade, /)
  assert.deepEqual(
    told(after.findings, tree).map((line) => line.split(':')[0]),
    ['changed /foreign', 'changed /forged'],
  )
  // Its content is the package's, but it was touched when nothing was installed.
  const stale = stamp(now - 3_600_000)
  writeFileSync(log, `${stale} upgrade pkg:amd64 1.0 2.0\n${stale} status installed pkg:amd64 2.0\n`)
  assert.equal((await checkTree({ ...options, packages })).expected.length, 0)
})

test('lines and their order: what is written reads back, and a walk goes in the order of the comparison', () => {
  const bytes = fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)) })
  fc.assert(
    fc.property(bytes, bytes, bytes, (path, target, a) => {
      const entry = {
        ...{ path, type: 'l', mode: '0777', uid: '0', gid: '0', links: '1', size: '3', device: '-' },
        ...{ content: '-', target: escapeBytes(target) || '-', xattrs: '-', volatile: '1 2 3' },
      }
      assert.deepEqual(decodeEntry(encodeEntry(entry).slice(0, -1)), entry)
      assert.equal(unescapeBytes(escapeBytes(path)), path)
      assert.equal(Math.sign(comparePaths(path, a)), -Math.sign(comparePaths(a, path)) || 0)
    }),
  )
  const sorted = ['/a', '/a/b', '/a/b/c', '/a/b.c', '/a-b', '/a.b', '/aa']
  assert.deepEqual(sorted.toReversed().sort(comparePaths), [
    '/a',
    '/a/b',
    '/a/b/c',
    '/a/b.c',
    '/a-b',
    '/a.b',
    '/aa',
  ])
})
