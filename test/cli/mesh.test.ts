/** `lymph mesh`: through the daemon, and without one. */
import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { daemonUser } from '#daemon'
import { emptyState, fakeDaemon, lymph, Raw } from './lymph.ts'

test('through the daemon', async () => {
  const founded = { id: 'ab12', peer: '12D3KooWx', name: 'web-1' }
  const members = [
    {
      name: 'web-1',
      peer: '12D3KooWx',
      state: 'alive',
      lastHeard: Date.now(),
      certificateExpires: 0,
      version: '0.1.0',
      skewMs: 0,
    },
  ]
  await using daemon = await fakeDaemon({
    'POST /mesh/init': founded,
    'POST /mesh/invite': { token: 'lymph1:abc', expires: 1e12 },
    'POST /mesh/join': { ...founded, members: 2 },
    'POST /mesh/leave': {},
    'GET /mesh/members': members,
    'GET /mesh/status': {
      ...founded,
      addresses: ['/ip4/10.0.0.1/tcp/7946'],
      members: 1,
      connected: 0,
      certificateExpires: 1e12,
      refused: { replay: 3, forged: 0 },
    },
    'POST /mesh/ping': [
      { name: 'web-2', peer: 'y', ms: 1.25 },
      { name: 'web-3', peer: 'z', error: 'no answer' },
    ],
  })
  const mesh = (args: string[], input = '') => lymph(['mesh', ...args, '--state', daemon.state], { input })
  const body = () => JSON.parse(daemon.requests.at(-1)?.body ?? '')

  assert.match((await mesh(['init', '--host', 'web-1'])).out, /^mesh ab12 founded; this host is web-1 /)
  assert.deepEqual(body(), { name: 'web-1' })
  const invite = await mesh(['invite', '--ttl', '30m', '--host', 'web-9'])
  assert.equal(invite.out, 'lymph1:abc\n', 'the token alone, for a pipe')
  assert.deepEqual(body(), { name: 'web-9', ttlMs: 1_800_000 })
  assert.deepEqual(JSON.parse((await mesh(['invite', '--json'])).out), { token: 'lymph1:abc', expires: 1e12 })
  const joined = await mesh(['join', '-'], '\n  lymph1:abc  \nrest')
  assert.match(joined.out, /^joined mesh ab12 as web-1 .*\nit has 2 members/)
  assert.deepEqual(body(), { token: 'lymph1:abc' })
  assert.equal((await mesh(['join', '-'], '')).code, 2)
  assert.deepEqual(JSON.parse((await mesh(['members', '--json'])).out), members)
  assert.match((await mesh(['members'])).out, /^web-1 +alive +(now|\d+s) /m)
  assert.match((await mesh(['status'])).out, /^refused +replay: 3$/m)
  const ping = await mesh(['ping'])
  assert.equal(ping.code, 4)
  assert.match(ping.out, /^web-2 +1\.3 ms/m)
  assert.match(ping.out, /^web-3 +- +no answer$/m)
  assert.equal((await mesh(['leave'])).code, 0)
})

test('what an operator does: through the daemon, said with who followed, exit 4 where not all did', async () => {
  const key = (id: string, state: string) => ({ id, state, since: Date.now(), holders: 2, members: 3 })
  const waiting = {
    fingerprint: '1111-2222-3333-4444-5555',
    name: 'web-2',
    peer: 'y',
    asked: Date.now(),
    expires: 1e12,
  }
  const all = { acknowledged: ['b', 'c'], missing: [] }
  await using daemon = await fakeDaemon({
    'GET /mesh/applications': [waiting],
    'POST /mesh/approve': waiting,
    'POST /mesh/revoke': { name: 'web-2', peer: 'y', acknowledged: ['b'], missing: ['c\u001b[31m'] },
    'POST /mesh/renew': { expires: 1e12 },
    'POST /mesh/renew/issuer': { expires: 1e12 },
    'GET /mesh/keys': [key('aaaaaaaaaaaaaaaa', 'used')],
    'POST /mesh/keys/install': { id: 'bbbbbbbbbbbbbbbb', ...all },
    'POST /mesh/keys/use': { id: 'bbbbbbbbbbbbbbbb', acknowledged: ['b'], missing: ['c'] },
    'POST /mesh/keys/remove': { id: 'aaaaaaaaaaaaaaaa', ...all },
  })
  const mesh = (args: string[], input = '') => lymph(['mesh', ...args, '--state', daemon.state], { input })
  const last = () => ({ ...daemon.requests.at(-1), body: JSON.parse(daemon.requests.at(-1)?.body || '{}') })
  assert.match((await mesh(['approve'])).out, /^1111-2222-3333-4444-5555 +web-2 /m)
  assert.match((await mesh(['approve', waiting.fingerprint])).out, /^web-2 may come in/)
  assert.deepEqual(last().body, { fingerprint: waiting.fingerprint })
  const revoked = await mesh(['revoke', 'web-2', '--reason', 'stolen'])
  assert.equal(revoked.code, 4)
  assert.match(revoked.out, /^web-2 \(y\) is revoked: 1\/2 acknowledged, 1 not reached: c.*31m$/m)
  assert.ok(!revoked.out.includes('\u001b'))
  assert.deepEqual(last().body, { who: 'web-2', reason: 'stolen' })
  assert.match((await mesh(['renew'])).out, /^this host's certificate holds until /)
  await mesh(['renew', '--issuer'], 'ABCDE-ABCDE\n')
  assert.deepEqual(last().body, { passphrase: 'ABCDE-ABCDE' })
  assert.match((await mesh(['keys'])).out, /^aaaaaaaaaaaaaaaa +used +\S+ +2 of 3$/m)
  assert.match((await mesh(['keys', 'install'])).out, /^key b+ is installed; next: .*: 2\/2 acknowledged$/m)
  const stopped = await mesh(['keys', 'rotate'])
  assert.equal(stopped.code, 4)
  assert.match(stopped.err, /key b+ is used, but not by c; when .*`lymph mesh keys remove a+`/)
  const forced = await mesh(['keys', 'rotate', '--force', '--at-once'])
  assert.equal(forced.code, 0, forced.err)
  assert.deepEqual(last().body, { id: 'aaaaaaaaaaaaaaaa', atOnce: true })
})

test('warnings are acknowledged and cleared by host, or by host and subject', async () => {
  const warning = (host: string, subject: string) => ({
    ...{
      host,
      peer: `peer-${host}`,
      kind: 'ph_sequence_anomaly',
      subject,
      sha256: '',
      severity: 'incident',
      maxLfc: 20,
      pairs: [],
    },
    ...{ raised: 1, expires: 1e12, state: 'standing', corroborated: 2 },
  })
  await using daemon = await fakeDaemon({
    'GET /warnings': [warning('b', '/x'), warning('b', '/y'), warning('c', '/x')],
    'POST /warnings/acknowledge': { acknowledged: 1 },
    'POST /warnings/clear': { cleared: 1 },
  })
  const warnings = (...args: string[]) => lymph(['warnings', ...args, '--state', daemon.state])
  const posted = () =>
    daemon.requests.filter(({ body }) => body !== '').map(({ body }) => JSON.parse(body).subject)
  assert.match((await warnings()).out, /^b .* standing +2 hosts /m)
  assert.match((await warnings('ack', 'b', '/y')).out, /^acknowledged: b: ph_sequence_anomaly \/y$/m)
  assert.deepEqual(posted(), ['/y'])
  await warnings('clear', 'peer-b')
  assert.deepEqual(posted(), ['/y', '/x', '/y'])
  const none = await warnings('clear', 'd')
  assert.deepEqual(
    [none.code, none.err],
    [2, 'error: lymph warnings clear: no warning of d stands: `lymph warnings` lists them\n'],
  )
})

test('what the daemon says of a bad token is the exit code', async () => {
  for (const exit of [10, 11, 12, 13, 14]) {
    await using daemon = await fakeDaemon({
      'POST /mesh/join': new Raw(
        409,
        JSON.stringify({ error: { message: 'this invite is not good', exit } }),
      ),
    })
    const { code, err } = await lymph(['mesh', 'join', 'lymph1:abc', '--state', daemon.state])
    assert.equal(code, exit)
    assert.equal(err, 'error: lymph mesh join: this invite is not good\n')
  }
})

test('without a daemon: founded once, owned by who the daemon runs as, left', async () => {
  using host = emptyState()
  const mesh = (...args: string[]) => lymph(['mesh', ...args, '--json', '--state', host.state])
  const first = await mesh('init', '--host', 'web-1')
  assert.equal(first.code, 0, first.err)
  const { id, name, peer } = JSON.parse(first.out)
  assert.match(id, /^[0-9a-f]{32}$/)
  assert.equal(name, 'web-1')
  assert.match(peer, /^12D3KooW/)
  const folder = statSync(join(host.state, 'mesh'))
  assert.equal(folder.mode & 0o777, 0o700)
  assert.equal(folder.uid, daemonUser()?.uid ?? process.getuid?.())

  const again = await mesh('init')
  assert.equal(again.code, 2)
  assert.match(again.err, /^error: lymph mesh init: .* holds mesh .* already/)
  const join2 = await mesh('join', 'lymph1:nonsense')
  assert.equal(join2.code, 2)
  assert.match(join2.err, /^error: lymph mesh join: this is not a whole invite: .*\n$/)
  const bad = await lymph(['mesh', 'init', '--host', 'no such name', '--state', join(host.state, 'other')])
  assert.equal(bad.code, 2)
  assert.match(bad.err, /cannot be a host's name/)

  const left = await mesh('leave')
  assert.equal(left.code, 0)
  assert.ok(existsSync(JSON.parse(left.out).kept))
  const none = await mesh('leave')
  assert.equal(none.code, 2)
  assert.match(none.err, /is in no mesh/)
  const members = await mesh('members')
  assert.equal(members.code, 3)
})
