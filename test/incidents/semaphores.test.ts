/** Semaphores of every subject: what is read of a peer's word, what is told, how often, and what hearers make of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonify } from '#classes'
import {
  classesLimit,
  contentOf,
  gist,
  HOST_KINDS,
  type HostSemaphore,
  impliedBy,
  networkClasses,
  type ObservableSemaphore,
  Outgoing,
  quorumRules,
  readSemaphore,
  type SemaphoreBody,
  semaphoreKey,
  toObservableSemaphore,
  type Voice,
  WarningBook,
} from '#incidents'
import { decode, encode } from '../../src/mesh/records/codec.ts'

const observable: ObservableSemaphore = {
  about: 'observable',
  kind: 'www_in_high_dev2',
  subject: 'www_in',
  severity: 'incident',
  value: 61,
  expected: 12.5,
  sigmas: 4.2,
  firstSeen: 10,
  lastSeen: 20,
}
const ailing: HostSemaphore = {
  about: 'host',
  kind: 'disk_full',
  subject: 'web-7',
  severity: 'severe',
  detail: '3 MiB are left for its state',
  firstSeen: 10,
  lastSeen: 20,
}
const record = (peer: string, body: unknown, key = 'k') => ({
  ...{ key, peer, name: `host-${peer}`, made: 20, expires: 1000, received: 25, body },
})

const times = fc
  .tuple(fc.nat(), fc.nat())
  .map(([a, b]) => ({ firstSeen: Math.min(a, b), lastSeen: Math.max(a, b) }))
const severity = fc.constantFrom('notice', 'incident', 'severe') as fc.Arbitrary<'notice'>
const observables: fc.Arbitrary<SemaphoreBody> = fc
  .record({
    subject: fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.]{0,40}$/),
    side: fc.constantFrom('high', 'low', 'normal'),
    level: fc.constantFrom('dev1', 'dev2', 'dev3', 'anomalous'),
    far: fc.double({ min: 0, max: 999, noNaN: true }),
    value: fc.double({ min: -1e12, max: 1e12, noNaN: true }),
    severity,
    times,
  })
  .map(({ subject, side, level, far, value, severity: how, times: when }) => ({
    about: 'observable',
    kind: `${canonify(subject)}_${side}_${level}`,
    subject,
    severity: how,
    value,
    expected: value / 2,
    sigmas: side === 'low' ? -far : far,
    ...when,
  }))
const hosts: fc.Arbitrary<SemaphoreBody> = fc
  .record({
    kind: fc.constantFrom(...HOST_KINDS),
    name: fc.stringMatching(/^[a-z][a-z0-9.-]{0,30}$/),
    severity,
    times,
  })
  .map(({ kind, name, severity: how, times: when }) => ({
    ...({ about: 'host', kind, subject: name, severity: how, detail: `${kind} of ${name}` } as const),
    ...when,
  }))

test('whatever is said travels as canonical CBOR and is read as it was said', () => {
  fc.assert(
    fc.property(fc.oneof(observables, hosts), (body) => {
      const read = readSemaphore(decode(encode(body)))
      assert.ok(read.ok, JSON.stringify(read))
      assert.deepEqual(encode(read.body), encode(body))
      assert.ok(Buffer.byteLength(semaphoreKey(body)) <= 256)
    }),
  )
})

test('one field changed, missing or too much is refused with a reason that names it, or is another whole semaphore', () => {
  fc.assert(
    fc.property(fc.oneof(observables, hosts), fc.nat(), fc.anything(), (body, n, other) => {
      const field = Object.keys(body)[n % Object.keys(body).length] as string
      const read = readSemaphore({ ...body, [field]: other })
      if (read.ok) assert.deepEqual(readSemaphore(read.body), read)
      else assert.ok(read.reason.length > 0 && read.reason.length <= 200)
      const { [field]: _, ...rest } = body as unknown as Record<string, unknown>
      assert.equal(readSemaphore(rest).ok, false)
      assert.equal(readSemaphore({ ...body, more: 1 }).ok, false)
    }),
  )
})

test('what does not fit together is refused, and why', () => {
  const bad: [unknown, RegExp][] = [
    [{ ...observable, kind: 'www_in_high' }, /no class of an observable/],
    [{ ...observable, kind: 'ssh_in_high_dev2' }, /not one of the observable/],
    [{ ...observable, kind: 'www_in_low_dev2' }, /other direction/],
    [{ ...observable, kind: `${'x'.repeat(120)}_high_dev2` }, /kind/],
    [{ ...observable, subject: 'www\nin' }, /subject/],
    [{ ...observable, value: Number.NaN }, /value/],
    [{ ...observable, sigmas: Number.POSITIVE_INFINITY }, /sigmas/],
    [{ ...observable, lastSeen: 9 }, /before firstSeen/],
    [{ ...ailing, kind: 'on_fire' }, /kind/],
    [{ ...ailing, detail: '\u001b[2J' }, /printable/],
    [{ ...ailing, subject: '' }, /subject/],
    [{ ...ailing, about: 'everything' }, /about/],
    [{ kind: 'disk_full' }, /kind/],
  ]
  for (const [said, reason] of bad) {
    const read = readSemaphore(said)
    assert.ok(!read.ok, JSON.stringify(said))
    assert.match(read.reason, reason)
  }
})

test('a body from before there were other subjects is read as one of a binary', () => {
  const old = {
    ...{
      kind: 'ph_sequence_anomaly',
      subject: '/usr/bin/less',
      sha256: 'a'.repeat(64),
      abi: 'x86-64',
      window: 6,
    },
    ...{ severity: 'notice', anomalous: 3, maxLfc: 4, pairs: [], firstSeen: 10, lastSeen: 20 },
  }
  const read = readSemaphore(old)
  assert.ok(read.ok)
  assert.deepEqual(read.body, { about: 'binary', ...old })
})

test('an alarm becomes a semaphore of the class that says how far off it is', () => {
  const row = {
    name: 'www_in',
    value: 61,
    expected: 12.5,
    sigma: 4.199,
    class: 'www_in_high_anomalous',
    level: 'dev2',
  }
  const alarm = { name: 'www_in', at: 10, why: 'strong' }
  assert.deepEqual(toObservableSemaphore(alarm, row, 20), observable)
  assert.equal(toObservableSemaphore(alarm, { ...row, level: 'normal' }, 20)?.kind, 'www_in_high_anomalous')
  assert.equal(toObservableSemaphore({ ...alarm, why: 'lasting' }, row, 20)?.severity, 'notice')
  assert.equal(toObservableSemaphore(alarm, { ...row, class: 'www_in_high' }, 20), undefined)
})

test('hearers: weaker classes are implied, k distinct hosts are a quorum of each, here has no meaning', () => {
  const book = new WarningBook('own')
  const dev3 = { ...observable, kind: 'www_in_high_dev3' }
  for (const [peer, body] of [
    ['a', observable],
    ['b', dev3],
    ['c', ailing],
    ['d', { ...ailing, subject: 'web-8' }],
  ] as const)
    assert.ok(book.apply('raised', record(peer, body), 30).ok)
  const warnings = book.list(40)
  const ofA = warnings.find(({ peer }) => peer === 'a')
  assert.equal(ofA?.corroborated, 1, 'b means the same')
  assert.deepEqual(ofA.corroboratedBy, ['host-b'])
  assert.equal(warnings.find(({ peer }) => peer === 'c')?.corroborated, 1, 'd has the same trouble')
  const view = { voices: book.voices(40), self: 'own', members: 5, runs: () => true, allowed: () => false }
  const names = networkClasses(view, quorumRules, 40).map(({ name }) => name)
  assert.deepEqual(names, [
    'mesh_disk_full',
    'mesh_disk_full_quorum',
    'mesh_www_in_high_dev1',
    'mesh_www_in_high_dev1_quorum',
    'mesh_www_in_high_dev2',
    'mesh_www_in_high_dev2_quorum',
    'mesh_www_in_high_dev3',
  ])
  assert.deepEqual(impliedBy('x_high_anomalous'), ['x_high_anomalous'])
  assert.notEqual(contentOf(observable), contentOf({ ...observable, kind: 'www_in_low_dev2', sigmas: -3 }))
  const [first] = warnings.filter(({ peer }) => peer === 'a')
  assert.match(first ? gist(first) : '', /^www_in is 61, expected 12\.5, 4\.2 sigma$/)
})

test('hearers: what the judgement alone found and a changed file are classes of their own, here by the content', () => {
  const book = new WarningBook('own')
  const [sha256, before] = ['a'.repeat(64), 'b'.repeat(64)]
  const of = {
    subject: '/usr/bin/less',
    abi: 'x86-64',
    sha256,
    severity: 'incident',
    firstSeen: 10,
    lastSeen: 20,
  }
  const judged = {
    ...{ about: 'binary', kind: 'ph_judgement_anomaly', window: 6, anomalous: 0, maxLfc: 0, pairs: [] },
    ...{ bits: 9.25, ...of },
  }
  const changed = { about: 'file', kind: 'binary_changed', before, ...of }
  for (const [key, body] of [
    ['j', judged],
    ['c', changed],
  ] as const)
    assert.ok(book.apply('raised', record('a', body, key), 30).ok)
  assert.ok(book.apply('raised', record('b', changed, 'c'), 30).ok)
  const view = { voices: book.voices(40), self: 'own', members: 5, allowed: () => false }
  const runs = (one: string) => one === sha256
  assert.deepEqual(
    networkClasses({ ...view, runs }, quorumRules, 40).map(({ name }) => name),
    [
      ...['mesh_binary_changed', 'mesh_binary_changed_here', 'mesh_binary_changed_quorum'],
      ...['mesh_ph_judgement_anomaly', 'mesh_ph_judgement_anomaly_here'],
    ],
  )
  assert.deepEqual(
    new Set(book.list(40).map(gist)),
    new Set([
      '/usr/bin/less, 9.25 bits',
      '/usr/bin/less is another file: bbbbbbbbbbbb before, aaaaaaaaaaaa now',
    ]),
  )
})

test('a network that invents observables does not fill the board, and what many say stays', () => {
  const voice = (peer: string, name: string): Voice => ({
    ...({
      about: 'observable',
      peer,
      kind: `${name}_high_dev3`,
      subject: name,
      raised: 100,
      expires: 5000,
    } as const),
  })
  const loud = Array.from({ length: 2000 }, (_, n) => voice('liar', `x${n}`))
  const voices = [...loud, ...['a', 'b', 'c'].map((peer) => voice(peer, 'www_in'))]
  const view = { voices, self: 'me', members: 6, runs: () => false, allowed: () => false }
  const names = networkClasses(view, quorumRules, 200).map(({ name }) => name)
  assert.equal(names.length, classesLimit)
  assert.ok(names.includes('mesh_www_in_high_dev2_quorum'))
})

test('told within what the mesh takes, the severe first, one an observable; what is over is cleared', () => {
  const out = new Outgoing(900_000)
  const many = Array.from(
    { length: 100 },
    (_, n): SemaphoreBody => ({
      ...{ ...observable, subject: `o${n}`, kind: `o${n}_high_dev2` },
      severity: n === 99 ? 'severe' : n > 60 ? 'incident' : 'notice',
    }),
  )
  out.heard('observable/gone', { ...observable, subject: 'gone', kind: 'gone_high_dev2' }, 0)
  out.heard('host/disk_full', ailing, 0)
  out.stand('observable', many)
  const told: string[] = []
  const say = (now: number) => {
    const over: string[] = []
    for (const { key, body } of out.due(now))
      if (body) {
        told.push(`${body.severity}`)
        out.published(key, body, now)
      } else {
        over.push(key)
        out.cleared(key)
      }
    return over
  }
  say(0)
  assert.ok(told.length <= 30, `${told.length} at once`)
  assert.equal(told[0], 'severe')
  assert.ok(!told.includes('notice'))
  let cleared: string[] = []
  for (let s = 1; s <= 700; s++) cleared = [...cleared, ...say(s * 1000)]
  assert.deepEqual(cleared, ['observable/gone'], 'what nothing was said of yet is left alone')
  assert.equal(new Set(many.map(semaphoreKey)).size, 100)
  assert.ok(told.length <= 25 + (700 / 60) * 9 + 1)
  out.stand('observable', [])
  out.stand('host', [])
  let over = 0
  for (let s = 701; s < 2000; s++) over += say(s * 1000).length
  assert.equal(over, 101)
  assert.equal(out.size, 0)
})
