import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode, encode } from 'cborg'
import {
  Announcer,
  type Digest,
  encodeDigest,
  type FleetError,
  makeDigest,
  type RefusalReason,
  Sketch,
} from '#fleet'
import { encodeProfile, type ProfileRecord, tableInForce } from '#homeostasis'
import { Hosts, profile, testKey } from './support.ts'

const pairs: [number, number, number][] = [
  [1, 0, 1],
  [2, 1, 1],
  [2, 0, 2],
]
const query = { binary: '/usr/bin/less' }

function twoHosts(): { hosts: Hosts; asker: ReturnType<Hosts['add']>; giver: ReturnType<Hosts['add']> } {
  const hosts = new Hosts()
  return { hosts, asker: hosts.add('asker'), giver: hosts.add('giver', [profile({}, pairs)]) }
}

test('a body is fetched and verified', async () => {
  const { asker, giver } = twoHosts()
  const got = await asker.exchange.fetch(giver, {
    ...query,
    abi: 'x86-64',
    window: 6,
    sha256: 'ab'.repeat(32),
  })
  assert.equal(got.name, 'giver')
  assert.deepEqual(
    [...tableInForce(got.profile).entries()].map((pair) => [pair.current, pair.previous, pair.distance]),
    [
      [1, 0, 1],
      [2, 0, 2],
      [2, 1, 1],
    ],
  )
  assert.equal(got.digest.pairs, 3)
  assert.deepEqual(asker.refusals.all(), {})
})

const otherSketch = {
  key: testKey.id,
  bits: Sketch.of(testKey.hash.hash([1, 2, 3])).bits,
}

/** What a liar sends in place of the truth, and what is said of it. */
const lies: [
  RefusalReason,
  string,
  (truth: { envelope: Uint8Array; body: Uint8Array }, hosts: Hosts) => unknown,
][] = [
  ['bad-answer', 'no CBOR', () => undefined],
  ['bad-answer', 'another shape', ({ body }) => ({ body })],
  ['bad-answer', 'more than asked', (truth) => ({ ...truth, more: 1 })],
  [
    'bad-envelope',
    'a flipped bit in the envelope',
    ({ envelope, body }) => ({ envelope: flipped(envelope, 60), body }),
  ],
  ['body-length', 'a body cut short', ({ envelope, body }) => ({ envelope, body: body.subarray(0, 100) })],
  ['body-hash', 'a flipped bit in the body', ({ envelope, body }) => ({ envelope, body: flipped(body, 60) })],
  ['body-format', 'a body that is no profile', (_, hosts) => signed(hosts, {}, new Uint8Array(500))],
  ['body-claims', 'more pairs than it has', (_, hosts) => signed(hosts, { pairs: 4 })],
  ['body-claims', 'more calls than it has', (_, hosts) => signed(hosts, { calls: 1e9 })],
  ['body-claims', 'a state it is not in', (_, hosts) => signed(hosts, { state: 'normal' })],
  ['body-claims', 'a sketch of other pairs', (_, hosts) => signed(hosts, { sketch: otherSketch })],
  [
    'body-claims',
    'calls that it does not use',
    (_, hosts) => signed(hosts, { usage: [{ call: 59, share: 255 }] }),
  ],
  [
    'body-claims',
    'a judgement that it has not',
    (_, hosts) => signed(hosts, { judgement: { units: 9, learned: 9, settled: true, m: 9, q: 0 } }),
  ],
  ['body-claims', 'processes that it has not counted', (_, hosts) => signed(hosts, { processes: 9 })],
  ['body-claims', 'another window', (_, hosts) => signed(hosts, { window: 9 })],
  ['body-claims', 'another ABI', (_, hosts) => signed(hosts, { abi: 'i386' })],
  ['body-claims', 'another file', (_, hosts) => signed(hosts, { sha256: 'cd'.repeat(32) })],
  ['other-profile', 'another binary', (_, hosts) => signed(hosts, { binary: '/usr/bin/tar' })],
  [
    'body-claims',
    "another binary's body",
    (_, hosts) => signed(hosts, {}, fileOf(profile({ binary: '/usr/bin/tar' }, pairs))),
  ],
  ['bad-digest', 'no digest', (_, hosts) => signedBody(hosts, { b: 'x' })],
  ['stale', 'what ran out long ago', (_, hosts) => signed(hosts, {}, undefined, -1e6)],
  ['not-the-author', "a third host's word", (truth, hosts) => thirdHost(truth, hosts)],
]

const fileOf = (record: ProfileRecord): Uint8Array => encodeProfile(record)

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy[at] = (copy[at] as number) ^ 1
  return copy
}

function signedBody(hosts: Hosts, said: unknown, body: Uint8Array = new Uint8Array(1), ttlMs = 1000) {
  return { envelope: hosts.hosts.get('12D3KooWgiver')?.signatures.sign('', said, ttlMs), body }
}

function signed(
  hosts: Hosts,
  lie: Partial<Digest>,
  body: Uint8Array = fileOf(profile({}, pairs)),
  ttlMs = 1000,
) {
  const digest = { ...makeDigest(profile({}, pairs), body, { lost: 0, made: hosts.now }), ...lie }
  return signedBody(hosts, encodeDigest(digest), body, ttlMs)
}

function thirdHost({ body }: { body: Uint8Array }, hosts: Hosts) {
  const third = hosts.add('third')
  const digest = makeDigest(profile({}, pairs), body, { lost: 0, made: hosts.now })
  return { envelope: third.signatures.sign('', encodeDigest(digest), 1000), body }
}

for (const [reason, what, lie] of lies)
  test(`a liar is refused: ${what}`, async () => {
    const { hosts, asker, giver } = twoHosts()
    hosts.tamper = (answer) => {
      const said = lie(decode(answer) as { envelope: Uint8Array; body: Uint8Array }, hosts)
      return said === undefined ? Uint8Array.of(0xff, 0xff) : encode(said)
    }
    await assert.rejects(asker.exchange.fetch(giver, query), (error: FleetError) => {
      assert.equal(error.reason, reason, error.message)
      assert.equal(error.peer, giver.peer)
      return true
    })
    assert.deepEqual(asker.refusals.all(), { [giver.peer]: { [reason]: 1 } })
  })

test('a body of 50 MB is refused without reading it', async () => {
  const { hosts, asker, giver } = twoHosts()
  hosts.tamper = (answer) => encode({ ...(decode(answer) as object), body: new Uint8Array(50_000_000) })
  await assert.rejects(
    asker.exchange.fetch(giver, query),
    (error: FleetError) => error.reason === 'too-large',
  )
  assert.deepEqual(asker.refusals.all(), { [giver.peer]: { 'too-large': 1 } })
  const { decodeAnswer } = await import('../../src/fleet/wire.ts')
  assert.throws(
    () => decodeAnswer(new Uint8Array(50_000_000), 'p'),
    (error: FleetError) => error.reason === 'too-large',
  )
})

test('another window, ABI or content than asked is not to be had', async () => {
  const { asker, giver } = twoHosts()
  for (const other of [
    { window: 9 },
    { abi: 'arm64' as const },
    { sha256: 'cd'.repeat(32) },
    { binary: '/x' },
  ])
    await assert.rejects(
      asker.exchange.fetch(giver, { ...query, ...other }),
      (error: FleetError) => error.reason === 'not-held',
    )
})

test('several peers: those that answer, and why the others did not', async () => {
  const hosts = new Hosts()
  const asker = hosts.add('asker')
  const names = Array.from({ length: 9 }, (_, n) => `h${n}`)
  const from = names.map((name, n) =>
    hosts.add(name, n % 3 === 0 ? [] : [profile({}, pairs.slice(0, (n % 3) + 1))]),
  )
  const { profiles, refused } = await asker.exchange.fetchAll(
    [...from, { peer: 'gone', name: 'gone' }],
    query,
  )
  assert.deepEqual(profiles.map(({ name }) => name).sort(), ['h1', 'h2', 'h4', 'h5', 'h7', 'h8'])
  assert.deepEqual(refused.map(({ reason }) => reason).sort(), [
    'not-held',
    'not-held',
    'not-held',
    'unreachable',
  ])
})

test('who asks rubbish or too often is refused and counted', async () => {
  const { hosts, asker, giver } = twoHosts()
  const answer = async (bytes: Uint8Array) =>
    decode(await giver.exchange.serve(bytes, asker)) as { refused?: string }
  const bad = [
    new Uint8Array(0),
    new Uint8Array(5000),
    encode({ binary: 1 }),
    encode({ ...query, window: 99 }),
    encode([1]),
  ]
  for (const bytes of bad) assert.equal((await answer(bytes)).refused, 'bad-request')
  assert.deepEqual(giver.refusals.of(asker.peer), { 'bad-request': 5 })
  for (let n = 0; n < 30; n++) assert.equal((await answer(encode(query))).refused, undefined)
  assert.equal((await answer(encode(query))).refused, 'busy')
  assert.equal(giver.refusals.of(asker.peer).busy, 1)
  hosts.now += 60_000
  assert.equal((await answer(encode(query))).refused, undefined)
})

const minute = 60_000
const fact = (n: number, pairsNow = 3) => ({
  binary: `/p${n}`,
  abi: 'x86-64' as const,
  window: 6,
  sha256: '',
  state: 'learning' as const,
  pairs: pairsNow,
})

test('a digest is told at once, then when it changed but once in ten minutes, and before it runs out', () => {
  const announcer = new Announcer()
  const told: number[] = []
  let pairsNow = 1
  for (let now = 0; now <= 26 * 60 * minute; now += minute) {
    if (now < 35 * minute) pairsNow++
    for (const { key, profile: one } of announcer.decide([fact(1, pairsNow)], now).publish) {
      told.push(now / minute)
      announcer.published(key, one, now)
    }
  }
  assert.deepEqual(told, [0, 10, 20, 30, 40, 40 + 12 * 60, 40 + 24 * 60])
  assert.equal(announcer.decide([], 0).clear.length, 1)
})

test("a host's rate is bounded, and nobody starves", () => {
  const announcer = new Announcer({ burst: 20, perMinute: 10 })
  const told = new Map<string, number>()
  let most = 0
  for (let now = 0; now <= 60 * minute; now += minute) {
    const { publish } = announcer.decide(
      Array.from({ length: 100 }, (_, n) => fact(n, now)),
      now,
    )
    most = Math.max(most, publish.length)
    for (const { key, profile: one } of publish) {
      told.set(one.binary, (told.get(one.binary) ?? 0) + 1)
      announcer.published(key, one, now)
    }
  }
  const all = [...told.values()].reduce((sum, one) => sum + one, 0)
  assert.equal(most, 20)
  assert.equal(all, 20 + 60 * 10)
  assert.equal(told.size, 100)
  assert.ok(Math.min(...told.values()) >= 6 && Math.max(...told.values()) <= 7)
})

test('what could not be published is tried again; what is no more is cleared', async () => {
  const { hosts, giver } = twoHosts()
  const [own] = giver.profiles as [ProfileRecord]
  const facts = [{ ...own.key, state: 'learning' as const, pairs: 3 }]
  const digestOf = async () => (await giver.find(query, hosts.now))?.digest
  giver.publishFails = true
  const failed = await giver.exchange.announce(facts, digestOf)
  assert.deepEqual([failed.published, failed.error?.message], [0, 'not connected'])
  giver.publishFails = false
  assert.deepEqual(await giver.exchange.announce(facts, digestOf), { published: 1, cleared: 0 })
  assert.deepEqual(await giver.exchange.announce(facts, digestOf), { published: 0, cleared: 0 })
  const [said] = giver.published
  assert.equal(said?.ttlMs, 24 * 60 * minute)
  assert.ok(encode(said?.body).length <= 1024)
  assert.deepEqual(await giver.exchange.announce([], digestOf), { published: 0, cleared: 1 })
  assert.deepEqual(giver.cleared, [said?.key])
})
