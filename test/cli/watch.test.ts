/** `lymph watch -- COMMAND` with the real strace, with and without a daemon. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { decodeProfile } from '#homeostasis'
import { emptyState, fakeDaemon, lymph } from './lymph.ts'

const works = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']).status === 0
const skip = !works && 'no strace here, or it may not trace'

const last = (out: string) => JSON.parse(out.trimEnd().split('\n').at(-1) as string)

test('without a daemon: learns, keeps, makes normal, notices', { skip }, async () => {
  using host = emptyState()
  const watch = (options: string[], ...command: string[]) =>
    lymph(['watch', '--state', host.state, '--json', ...options, '--', ...command])
  const first = await watch([], 'cat', '/dev/null')
  assert.equal(first.code, 0, first.err)
  const { profiles, lost } = last(first.out)
  const [cat] = profiles
  assert.equal(lost, 0)
  assert.equal(cat.state, 'learning')
  assert.equal(cat.newPairs, cat.pairs)
  assert.ok(cat.pairs > 50)
  assert.ok(existsSync(join(host.state, 'profiles', cat.binary)))

  const second = last((await watch(['--normalize'], 'cat', '/dev/null')).out)
  assert.equal(second.profiles[0].newPairs, 0)
  const list = await lymph(['profile', 'list', '--json', '--state', host.state])
  assert.equal(JSON.parse(list.out)[0].state, 'normal')

  assert.equal(last((await watch([], 'cat', '/dev/null')).out).anomalous, 0)
  const odd = await watch([], 'cat', '/nonexistent/file')
  assert.equal(odd.code, 1, "cat's own exit code")
  const told = last(odd.out)
  assert.ok(told.anomalous > 0)
  assert.ok(told.profiles[0].unseen.length > 0)
  const text = await lymph(['watch', '--state', host.state, '--', 'cat', '/nonexistent/file'])
  assert.match(text.err, /anomal/)
})

test('the exit code is the command’s, and its output is its own', { skip }, async () => {
  using host = emptyState()
  const { code, out, err } = await lymph([
    'watch',
    '--state',
    host.state,
    '--',
    'sh',
    '-c',
    'echo hello; exit 7',
  ])
  assert.equal(code, 7)
  assert.equal(out, 'hello\n')
  assert.match(err, /^lymph watch: \d+ calls seen, 0 lost, 0 anomalies\nSTATE/)
  const none = await lymph(['watch', '--state', host.state, '--', 'no-such-command'])
  assert.equal(none.code, 2)
  assert.match(none.err, /^error: lymph watch: there is no command 'no-such-command'.*\n$/)
})

test('a damaged profile is put aside, not lost', { skip }, async () => {
  using host = emptyState()
  const run = () => lymph(['watch', '--state', host.state, '--json', '--', 'true'])
  const binary: string = last((await run()).out).profiles[0].binary
  const file = join(host.state, 'profiles', binary)
  writeFileSync(file, 'lymph profile\nrubbish')
  const { code, out, err } = await run()
  assert.equal(code, 0)
  assert.match(err, /cut short: .*: learning anew\n$/)
  assert.equal(last(out).profiles[0].newPairs, last(out).profiles[0].pairs)
  assert.ok(existsSync(`${file}.damaged`))
})

test('a state folder that cannot be written costs the report nothing', { skip }, async () => {
  using host = emptyState()
  mkdirSync(join(host.state, 'profiles'))
  writeFileSync(join(host.state, 'profiles/usr'), 'in the way')
  const { code, out, err } = await lymph([
    'watch',
    '--state',
    host.state,
    '--json',
    '--',
    '/usr/bin/env',
    'true',
  ])
  assert.equal(code, 0)
  assert.match(err, /^error: lymph watch: .*cannot save the profile: /)
  assert.ok(last(out).profiles.length > 0)
  assert.deepEqual(readdirSync(join(host.state, 'profiles')), ['usr'])
})

test('with a daemon: fetched from it, sent to it', { skip }, async () => {
  const imported: string[] = []
  await using daemon = await fakeDaemon({
    'GET /settings': { window: 9, normal_wait: 60, log_level: 3 },
    'GET /profiles': [],
    'POST /profiles/import': (body: Buffer) => {
      const { key } = decodeProfile(new Uint8Array(body))
      imported.push(`${key.window} ${key.binary}`)
      return { binary: key.binary, pairs: 1 }
    },
    'POST /profiles/act': {},
  })
  const { code, out } = await lymph(['watch', '--state', daemon.state, '--json', '--normalize', '--', 'true'])
  assert.equal(code, 0)
  const [{ binary, window }] = last(out).profiles
  assert.equal(window, 9)
  assert.deepEqual(imported, [`9 ${binary}`])
  assert.deepEqual(
    daemon.requests.map(({ method, path }) => `${method} ${path}`),
    ['GET /settings', 'GET /profiles', 'POST /profiles/import', 'POST /profiles/act'],
  )
  assert.ok(!existsSync(join(daemon.state, 'profiles')), 'the folder is the daemon’s')
})
