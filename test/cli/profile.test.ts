/** `lymph profile`: choosing one, looking at it with and without the daemon, deciding, moving. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { DEFAULT_SETTINGS, encodeProfile, Profile, recordOf } from '#homeostasis'
import { callNumber } from '#syscalls'
import { profiles } from './answers.ts'
import { emptyState, fakeDaemon, lymph, Raw } from './lymph.ts'

const call = (name: string) => callNumber('x86-64', name) as number

/** A profile that has seen these calls once, as a file. */
function profileFile(
  binary: string,
  calls: string[],
  more: { sha256?: string; window?: number } = {},
): Uint8Array {
  const profile = new Profile(
    { binary, abi: 'x86-64', window: more.window ?? 6, sha256: more.sha256 ?? 'a'.repeat(64) },
    { ...DEFAULT_SETTINGS },
  )
  const task = profile.begin()
  for (const name of calls) profile.process(task, call(name), 0)
  return encodeProfile(recordOf(profile, { since: 1, made: 2 }))
}

function save(state: string, binary: string, body: Uint8Array): string {
  const file = join(state, 'profiles', binary)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, body)
  return file
}

const less = profileFile('/usr/bin/less', ['open', 'read', 'close'])

test('list: a table, sorted, and JSON as documented', async () => {
  await using daemon = await fakeDaemon({ 'GET /profiles': profiles })
  const at = ['--state', daemon.state]
  const { out } = await lymph(['profile', 'list', ...at])
  const lines = out.trimEnd().split('\n')
  assert.match(
    lines[0] ?? '',
    /^STATE +CALLS +PAIRS +SINCE CHANGE +ANOMALIES +RESPONSE +WINDOW +ABI +SHA-256 +BINARY$/,
  )
  assert.match(lines[1] ?? '', /^learning +900\.00M .*\/usr\/bin\/python3$/)
  assert.equal(lines.length, profiles.length + 1)
  const json = JSON.parse((await lymph(['profile', 'list', '--sort', 'anomalies', '--json', ...at])).out)
  assert.deepEqual(json[0], profiles[0])
  const bad = await lymph(['profile', 'list', '--sort', 'colour', ...at])
  assert.equal(bad.code, 2)
  assert.match(bad.err, /--sort colour: choose one of calls, /)
})

test('a name stands for one profile or for an explained none', async () => {
  await using daemon = await fakeDaemon({ 'GET /profiles': profiles })
  const show = (...args: string[]) => lymph(['profile', 'show', ...args, '--json', '--state', daemon.state])
  assert.equal(JSON.parse((await show('less')).out).pairs, 321)
  assert.equal(JSON.parse((await show('/usr/bin/less')).out).pairs, 321)
  assert.equal(JSON.parse((await show('tar', '--sha256', 'bbb')).out).state, 'frozen')
  assert.equal(JSON.parse((await show('wine', '--abi', 'i386')).out).abi, 'i386')
  for (const [args, message] of [
    [
      ['python3'],
      /"python3" is the base name of 2 programs: give one of \/usr\/bin\/python3, \/opt\/py\/python3/,
    ],
    [
      ['tar'],
      /\/usr\/bin\/tar has 2 profiles: choose from --sha256 aaaaaaaaaaaa \(learning, 10 calls\); --sha256 b/,
    ],
    [['wine'], /choose from --abi x86-64 .*; --abi i386 /],
    [['wine', '--abi', 'arm64'], /none of the profiles of \/usr\/bin\/wine is that one/],
    [['les'], /no profile of les: did you mean less\?/],
    [['/usr/bin/nothing'], /no profile of \/usr\/bin\/nothing: `lymph profile list` has those there are/],
  ] as const) {
    const { code, err } = await show(...args)
    assert.equal(code, 2, args.join(' '))
    assert.match(err, message)
  }
})

test('print, sequences and diff of files need no daemon', async () => {
  using nobody = emptyState()
  const at = ['--state', nobody.state]
  const one = join(nobody.state, 'one')
  const two = join(nobody.state, 'two')
  writeFileSync(one, less)
  writeFileSync(two, profileFile('/usr/bin/less', ['open', 'read', 'execve']))
  const printed = await lymph(['profile', 'print', one, ...at])
  assert.equal(printed.code, 0)
  assert.match(printed.out, /^binary +\/usr\/bin\/less$/m)
  assert.match(printed.out, /^close +open +\.2\.\.\. +\.\.\.\.\.$/m)
  const json = JSON.parse((await lymph(['profile', 'print', one, '--json', ...at])).out)
  assert.equal(json.train.length, 15)
  assert.deepEqual(json.test, [])
  assert.equal(json.names[call('read')], 'read')
  assert.match((await lymph(['profile', 'sequences', one, ...at])).out, /^close\n {2}1 before: read\n/m)

  const differ = await lymph(['profile', 'diff', one, two, ...at])
  assert.equal(differ.code, 1)
  assert.match(differ.out, /^10 pairs in common, distance 0\.500\n/)
  assert.match(differ.out, /only in .*one: 5\n {2}close after /)
  assert.match(differ.out, /only in .*two: 5\n {2}execve after /)
  assert.equal((await lymph(['profile', 'diff', one, one, ...at])).code, 0)
  const third = join(nobody.state, 'three')
  writeFileSync(third, profileFile('/usr/bin/less', ['open'], { window: 9 }))
  const other = await lymph(['profile', 'diff', one, third, ...at])
  assert.equal(other.code, 2)
  assert.match(other.err, /cannot be compared: one has window 6, the other 9/)
})

test('diff tells two versions of one binary apart by their hash', async () => {
  const bodies = {
    a: profileFile('/usr/bin/tar', ['open', 'read']),
    b: profileFile('/usr/bin/tar', ['open', 'write'], { sha256: 'b'.repeat(64) }),
  }
  await using daemon = await fakeDaemon({
    'GET /profiles': profiles,
    'GET /profiles/body': (_: Buffer, query: URLSearchParams) =>
      new Raw(200, bodies[query.get('sha256')?.[0] as 'a' | 'b']),
  })
  const at = ['--state', daemon.state]
  const { code, out } = await lymph(['profile', 'diff', 'tar@aaaa', '/usr/bin/tar@BBBB', ...at])
  assert.equal(code, 1)
  assert.match(
    out,
    /only in tar@aaaa: \d+\n {2}read after open .*\nonly in \/usr\/bin\/tar@BBBB: \d+\n {2}write after /s,
  )
  const unclear = await lymph(['profile', 'diff', 'tar', 'less', ...at])
  assert.equal(unclear.code, 2)
  assert.match(unclear.err, /tar has 2 profiles: choose from /)
})

test('damaged and foreign files are refused in one line', async () => {
  using nobody = emptyState()
  await using daemon = await fakeDaemon({ 'GET /profiles': profiles })
  const cut = join(nobody.state, 'cut')
  writeFileSync(cut, less.subarray(0, less.length - 7))
  const damaged = await lymph(['profile', 'print', cut, '--state', nobody.state])
  assert.equal(damaged.code, 2)
  assert.match(
    damaged.err,
    /^error: lymph profile print: .*\/cut: its SHA-256 does not hold, it was cut short or changed: take another copy of it\n$/,
  )
  const foreign = await lymph(['profile', 'print', '/bin/sh', '--state', daemon.state])
  assert.equal(foreign.code, 2)
  assert.match(foreign.err, /no profile of \/bin\/sh: .* \(and the file itself is no lymph profile\)\n$/)
})

test('without a daemon the saved profiles are shown and decided about', async () => {
  using host = emptyState()
  const at = ['--state', host.state]
  save(host.state, '/usr/bin/less', less)
  save(host.state, '/usr/bin/broken', less.subarray(0, 40))
  const list = JSON.parse((await lymph(['profile', 'list', '--json', ...at])).out)
  assert.deepEqual(
    list.map(({ binary, state, pairs }: { binary: string; state: string; pairs: number }) => [
      binary,
      state,
      pairs,
    ]),
    [['/usr/bin/less', 'learning', 15]],
  )
  assert.equal((await lymph(['profile', 'normalize', 'less', ...at])).code, 0)
  const normal = JSON.parse((await lymph(['profile', 'print', 'less', '--json', ...at])).out)
  assert.equal(normal.state, 'normal')
  assert.deepEqual(normal.test, normal.train)
  await lymph(['profile', 'reset', 'less', ...at])
  assert.equal(JSON.parse((await lymph(['profile', 'show', 'less', '--json', ...at])).out).pairs, 0)
  assert.equal(
    (await lymph(['profile', 'delay', 'less', ...at])).code,
    3,
    'a response is the daemon’s to give',
  )
})

test('print asks the daemon for the one profile that is meant', async () => {
  await using daemon = await fakeDaemon({
    'GET /profiles': profiles,
    'GET /profiles/body': (_: Buffer, query: URLSearchParams) =>
      new Raw(200, query.get('binary') === '/usr/bin/less' ? less : 'rubbish'),
  })
  const at = ['--state', daemon.state]
  assert.match((await lymph(['profile', 'print', 'less', ...at])).out, /^binary +\/usr\/bin\/less$/m)
  assert.equal(
    daemon.requests.at(-1)?.query,
    new URLSearchParams({
      binary: '/usr/bin/less',
      abi: 'x86-64',
      sha256: 'a'.repeat(64),
      window: '6',
    }).toString(),
  )
  const rubbish = await lymph(['profile', 'print', '/opt/py/python3', ...at])
  assert.equal(rubbish.code, 4)
  assert.match(rubbish.err, /what the daemon sent for \/opt\/py\/python3: /)
})

test('verbs and responses reach the daemon', async () => {
  await using daemon = await fakeDaemon({
    'GET /profiles': profiles,
    'POST /profiles/act': {},
    'POST /profiles/respond': {},
    'POST /settings': {},
  })
  const at = ['--state', daemon.state]
  const sent = async (...args: string[]) => {
    const { code, err } = await lymph(['profile', ...args, ...at])
    assert.equal(code, 0, err)
    const { path, body } = daemon.requests.at(-1) as { path: string; body: string }
    return [path, JSON.parse(body)]
  }
  for (const verb of ['normalize', 'sensitize', 'tolerize', 'reset'])
    assert.deepEqual(await sent(verb, 'less'), [
      '/profiles/act',
      { binary: '/usr/bin/less', verb, abi: 'x86-64', window: 6, sha256: 'a'.repeat(64) },
    ])
  // A response is of a path: neither the versions of a file nor whether it ran matter.
  assert.deepEqual(await sent('delay', 'tar'), [
    '/profiles/respond',
    { binary: '/usr/bin/tar', response: 'delay' },
  ])
  assert.deepEqual(await sent('ignore', '/opt/new'), [
    '/profiles/respond',
    { binary: '/opt/new', response: 'ignore' },
  ])
  assert.deepEqual(await sent('delay', 'less', '--unset'), [
    '/profiles/respond',
    { binary: '/usr/bin/less', response: 'default' },
  ])
  assert.deepEqual(await sent('delay', '--default'), [
    '/settings',
    { key: 'default_response', value: 'delay' },
  ])
  assert.equal((await lymph(['profile', 'delay', ...at])).code, 2)
  assert.equal((await lymph(['profile', 'delay', 'less', '--default', ...at])).code, 2)
})

test('export writes all or nothing, import names the file that was refused', async () => {
  using place = emptyState()
  await using daemon = await fakeDaemon({
    'GET /profiles': profiles,
    'GET /profiles/body': new Raw(200, less),
    'POST /profiles/import': (body: Buffer) =>
      body.equals(less)
        ? { binary: '/usr/bin/less', pairs: 15, window: 6, abi: 'x86-64', live: 1, rests: false }
        : new Raw(400, '{"error":{"message":"it is no lymph profile","exit":2}}'),
  })
  const at = ['--state', daemon.state]
  const file = join(place.state, 'less.profile')
  assert.equal((await lymph(['profile', 'export', 'less', '-o', file, ...at])).code, 0)
  assert.deepEqual(new Uint8Array(readFileSync(file)), less)
  const nowhere = await lymph(['profile', 'export', 'less', '-o', join(place.state, 'no/where'), ...at])
  assert.equal(nowhere.code, 2)
  assert.match(nowhere.err, /no\/where: there is no such file or folder\n$/)
  const imported = await lymph(['profile', 'import', file, ...at])
  assert.equal(imported.out, '/usr/bin/less: 15 pairs, in force now\n')
  const text = join(place.state, 'text')
  writeFileSync(text, 'hello')
  const refused = await lymph(['profile', 'import', file, text, ...at])
  assert.equal(refused.code, 2)
  assert.match(refused.err, /^error: lymph profile import: .*\/text: it is no lymph profile\n$/)
  const missing = await lymph(['profile', 'import', join(place.state, 'none'), ...at])
  assert.match(missing.err, /\/none: there is no such file or folder\n$/)
})

test('export to a full disk says so and leaves nothing', {
  skip: !existsSync('/dev/full') && 'no /dev/full',
}, async () => {
  await using daemon = await fakeDaemon({
    'GET /profiles': profiles,
    'GET /profiles/body': new Raw(200, less),
  })
  const { code, err } = await lymph(['profile', 'export', 'less', '-o', '/dev/full', '--state', daemon.state])
  assert.equal(code, 2)
  assert.match(err, /\/dev\/full: the disk is full\n$/)
  assert.equal(spawnSync('sh', ['-c', 'ls /dev/full.*']).status, 2)
})
