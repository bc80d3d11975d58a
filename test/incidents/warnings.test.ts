import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type BinarySemaphore,
  IncidentBook,
  networkClasses,
  quorumRules,
  readSemaphore,
  refreshDue,
  type SemaphoreRecord,
  semaphoreKey,
  silentWarning,
  toSemaphore,
  WarningBook,
  warningFrom,
} from '#incidents'

const body: BinarySemaphore = {
  about: 'binary',
  kind: 'ph_sequence_anomaly',
  subject: '/usr/bin/less',
  sha256: 'a'.repeat(64),
  abi: 'x86-64',
  window: 6,
  severity: 'notice',
  anomalous: 3,
  maxLfc: 4,
  pairs: [{ current: 59, previous: 0, distance: 1 }],
  firstSeen: 10,
  lastSeen: 20,
}

function record(peer: string, more: Partial<BinarySemaphore> = {}, key = 'k'): SemaphoreRecord {
  return {
    key,
    peer,
    name: `host-${peer}`,
    made: 20,
    received: 25,
    expires: 1000,
    body: { ...body, ...more },
  }
}

test('an incident becomes a semaphore and a warning', () => {
  const book = new IncidentBook()
  const binary = `/${'x'.repeat(5000)}\n`
  for (let n = 0; n < 100; n++)
    book.observe(
      { pid: 1, current: n, previous: [511], missing: 1, lfc: 1, maxLfc: 2 },
      { binary, sha256: '', abi: 'arm64', window: 9 },
      n,
    )
  const [incident] = book.list()
  assert.ok(incident)
  const said = toSemaphore(incident)
  assert.equal(said.pairs.length, 64)
  assert.deepEqual(readSemaphore(said), { ok: true, body: said })
  assert.ok(Buffer.byteLength(semaphoreKey(said)) <= 256)
  const read = warningFrom({ ...record('p'), body: said })
  assert.ok(read.ok)
  assert.deepEqual(
    [read.warning.host, read.warning.state, read.warning.corroborated],
    ['host-p', 'standing', 0],
  )
})

test('what a hostile peer says is refused, with the field', () => {
  const bad: [unknown, RegExp][] = [
    [undefined, /body/],
    ['text', /body/],
    [{ ...body, kind: 'other' }, /kind/],
    [{ ...body, subject: '/usr\u001b[2J' }, /subject/],
    [{ ...body, subject: 'x'.repeat(1e6) }, /subject/],
    [{ ...body, sha256: 'A'.repeat(64) }, /sha256/],
    [{ ...body, abi: 'vax' }, /abi/],
    [{ ...body, window: 10 }, /window/],
    [{ ...body, severity: 'apocalypse' }, /severity/],
    [{ ...body, anomalous: -1 }, /anomalous/],
    [{ ...body, anomalous: 1.5 }, /anomalous/],
    [{ ...body, anomalous: Number.NaN }, /anomalous/],
    [{ ...body, maxLfc: 129 }, /maxLfc/],
    [{ ...body, pairs: Array(65).fill(body.pairs[0]) }, /pairs/],
    [{ ...body, pairs: [{ current: 512, previous: 0, distance: 1 }] }, /pairs\.0\.current/],
    [{ ...body, pairs: [{ current: 1, previous: 0, distance: 6 }] }, /beyond the window/],
    [{ ...body, firstSeen: 21 }, /before firstSeen/],
    [{ ...body, lastSeen: 1e300 }, /lastSeen/],
  ]
  for (const [said, reason] of bad) {
    const read = readSemaphore(said)
    assert.ok(!read.ok, JSON.stringify(said)?.slice(0, 100))
    assert.match(read.reason, reason)
    assert.ok(read.reason.length <= 200)
  }
  fc.assert(
    fc.property(fc.anything(), (said) => {
      assert.equal(readSemaphore(said).ok, false)
    }),
  )
})

test('warnings are raised, refreshed, cleared, and expire', () => {
  const book = new WarningBook('me')
  const raised = book.apply('raised', record('a'), 30)
  assert.ok(raised.ok && raised.change === 'raised' && !raised.own)
  const refreshed = book.apply(
    'refreshed',
    { ...record('a', { anomalous: 9 }), received: 50, expires: 2000 },
    50,
  )
  assert.ok(refreshed.ok && refreshed.change === 'refreshed')
  const [warning] = book.list(1500)
  assert.deepEqual([warning?.raised, warning?.anomalous, warning?.expires], [25, 9, 2000])
  const cleared = book.apply('cleared', record('a'), 60)
  assert.ok(cleared.ok && cleared.warning.state === 'cleared')
  assert.deepEqual(book.list(60), [])
  assert.equal(book.apply('cleared', record('a'), 61).ok, false)
  book.apply('raised', record('b'), 70)
  assert.deepEqual(book.list(1000), [])
  assert.deepEqual(book.expire(999), [])
  assert.deepEqual(
    book.expire(1000).map(({ host, state }) => [host, state]),
    [['host-b', 'expired']],
  )
  assert.equal(book.apply('raised', record('b'), 1000).ok, false)
})

test('corroboration counts other hosts, not semaphores, on the same content', () => {
  const book = new WarningBook('me')
  book.apply('raised', record('a'), 30)
  book.apply('raised', record('a', { subject: '/bin/less' }, 'k2'), 30)
  book.apply('raised', record('b', { sha256: 'b'.repeat(64) }), 30)
  book.apply('raised', record('c', { subject: '/opt/less' }), 30)
  const own = book.apply('raised', record('me'), 30)
  assert.ok(own.ok && own.own)
  const by = () => Object.fromEntries(book.list(40).map(({ peer, corroborated }) => [peer, corroborated]))
  assert.deepEqual(by(), { a: 2, b: 0, c: 2 })
  book.apply('cleared', record('me'), 40)
  assert.deepEqual(by(), { a: 1, b: 0, c: 1 })
  book.apply('raised', record('d', { sha256: '' }), 40)
  book.apply('raised', record('e', { sha256: '' }), 40)
  assert.equal(by().d, 0, 'two contents that nobody knows are not the same')
})

test('a flood of one host costs that host alone', () => {
  const book = new WarningBook('me', { perPeer: 10, inAll: 15 })
  for (let n = 0; n < 5; n++) book.apply('raised', record('quiet', { subject: `/q${n}` }, `q${n}`), 30)
  for (let n = 0; n < 100; n++) book.apply('raised', record('loud', { subject: `/l${n}` }, `l${n}`), 30)
  book.apply('raised', record('third'), 30)
  const hosts = book.list(40).map(({ peer }) => peer)
  assert.deepEqual(
    ['quiet', 'loud', 'third'].map((peer) => hosts.filter((one) => one === peer).length),
    [5, 9, 1],
  )
  assert.deepEqual(book.gauge(), {
    semaphores: 15,
    limit: 15,
    evicted: 1,
    refused: { loud: { 'more than 10 of one host': 90 } },
  })
})

test('an acknowledged warning stands again when it gets worse', () => {
  const book = new WarningBook('me')
  book.apply('raised', record('a'), 30)
  assert.equal(book.acknowledge('a', body.kind, body.subject), 1)
  assert.equal(book.list(40)[0]?.state, 'acknowledged')
  book.apply('refreshed', record('a', { anomalous: 4 }), 40)
  assert.equal(book.list(40)[0]?.state, 'acknowledged')
  book.apply('refreshed', record('a', { severity: 'severe' }), 40)
  assert.equal(book.list(40)[0]?.state, 'standing')
})

test('a warning that was dealt with is not shown, counts as no voice, still bears others out, and comes back when it gets worse', () => {
  const book = new WarningBook('me')
  for (const peer of ['a', 'b']) book.apply('raised', record(peer), 30)
  assert.equal(book.voices(40).length, 2)
  assert.equal(book.dismiss('a', body.kind, body.subject), 1)
  assert.equal(book.dismiss('a', body.kind, 'something else'), 0)
  assert.deepEqual(
    book.list(40).map(({ peer, corroborated }) => [peer, corroborated]),
    [['b', 1]],
  )
  assert.deepEqual(
    book.voices(40).map(({ peer }) => peer),
    ['b'],
  )
  book.acknowledge('b', body.kind, body.subject)
  assert.deepEqual(book.voices(40), [], 'nor does an acknowledged one')
  book.apply('refreshed', record('a', { anomalous: 4 }), 40)
  assert.equal(book.list(40).length, 1)
  book.apply('refreshed', record('a', { severity: 'severe' }), 40)
  assert.equal(book.list(40).length, 2)
  book.apply('raised', record('me'), 40)
  assert.deepEqual(
    book
      .voices(40)
      .map(({ peer }) => peer)
      .sort(),
    ['a', 'me'],
    'this host is a voice too',
  )
})

test('a silent host is a warning of its own', () => {
  const warning = silentWarning({ name: 'db-1', peer: 'p', lastHeard: 100 }, 500)
  assert.deepEqual(
    [
      warning.host,
      warning.peer,
      warning.kind,
      warning.subject,
      warning.severity,
      warning.state,
      warning.raised,
    ],
    ['db-1', 'p', 'member_silent', 'db-1', 'notice', 'standing', 100],
  )
  assert.equal(
    silentWarning({ name: 'db-1', peer: 'p', lastHeard: 0 }, 500).raised,
    500,
    'never heard: since now',
  )
  const view = { voices: [warning], self: 'me', members: 3, runs: () => true, allowed: () => false }
  assert.deepEqual(
    networkClasses(view, quorumRules, 500).map(({ name }) => name),
    ['mesh_member_silent'],
  )
})

test('a semaphore is told again when it is worse, has grown for a while, or grows old', () => {
  const hour = 3_600_000
  assert.equal(refreshDue(undefined, body, hour, 0), true)
  const last = { body, at: 0 }
  assert.equal(refreshDue(last, { ...body, severity: 'severe' }, hour, 1), true)
  assert.equal(refreshDue(last, { ...body, anomalous: 9 }, hour, 29_999), false)
  assert.equal(refreshDue(last, { ...body, anomalous: 9 }, hour, 30_000), true)
  assert.equal(refreshDue(last, body, hour, hour / 2 - 1), false)
  assert.equal(refreshDue(last, body, hour, hour / 2), true)
})

test('what was acknowledged or cleared stays so over a restart, until its host says something worse', () => {
  const before = new WarningBook('own')
  before.apply('raised', record('a', {}, 'seen'), 30)
  before.apply('raised', record('b', { subject: '/usr/bin/ls' }, 'dealt'), 30)
  before.apply('raised', record('c', { subject: '/usr/bin/tar' }, 'new'), 30)
  assert.equal(before.acknowledge('a', body.kind, body.subject), 1)
  assert.equal(before.dismiss('b', body.kind, '/usr/bin/ls'), 1)
  const verdicts = before.verdicts()
  assert.deepEqual(verdicts, [
    { peer: 'a', key: 'seen', state: 'acknowledged', severity: 'notice' },
    { peer: 'b', key: 'dealt', state: 'cleared', severity: 'notice' },
  ])

  const states = (after: WarningBook) => after.list(40).map(({ host, state }) => `${host} ${state}`)
  const after = new WarningBook('own')
  after.remember(JSON.parse(JSON.stringify(verdicts)))
  after.apply('raised', record('a', {}, 'seen'), 40)
  after.apply('raised', record('b', { subject: '/usr/bin/ls' }, 'dealt'), 40)
  after.apply('raised', record('c', { subject: '/usr/bin/tar' }, 'new'), 40)
  assert.deepEqual(states(after).sort(), ['host-a acknowledged', 'host-c standing'])
  assert.equal(after.voices(40).length, 1)

  const worse = new WarningBook('own')
  worse.remember(verdicts)
  worse.apply('raised', record('b', { subject: '/usr/bin/ls', severity: 'severe' }, 'dealt'), 40)
  assert.deepEqual(states(worse), ['host-b standing'])
  // One that was taken back and came again is another.
  after.apply('cleared', record('a', {}, 'seen'), 41)
  after.apply('raised', record('a', {}, 'seen'), 42)
  assert.deepEqual(states(after).sort(), ['host-a standing', 'host-c standing'])
})
