import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encode } from 'cborg'
import fc from 'fast-check'
import {
  binaries,
  DIGEST_BYTES,
  type Digest,
  DigestBook,
  type DigestRecord,
  digestKey,
  encodeDigest,
  FleetError,
  makeDigest,
  Refusals,
  validateDigest,
} from '#fleet'
import { encodeProfile } from '#homeostasis'
import { profile, startTime, testKey } from './support.ts'

function digestOf(...args: Parameters<typeof profile>): Digest {
  const record = profile(...args)
  return makeDigest(record, encodeProfile(record), { lost: 0.25, made: startTime })
}

const plain = digestOf({}, [
  [1, 0, 1],
  [2, 1, 1],
  [2, 0, 2],
])

test('a digest says what its profile is', () => {
  assert.deepEqual(
    { ...plain, body: undefined },
    {
      binary: '/usr/bin/less',
      sha256: 'ab'.repeat(32),
      abi: 'x86-64',
      window: 6,
      state: 'learning',
      calls: 1000,
      pairs: 3,
      sequences: 7,
      anomalies: 0,
      sinceChange: 400,
      since: startTime - 5000,
      made: startTime,
      lost: 0.25,
      body: undefined,
      usage: [
        { call: 2, share: 170 },
        { call: 1, share: 85 },
      ],
    },
  )
  assert.deepEqual(validateDigest(encodeDigest(plain)), plain)
})

test('a digest has all it can say in 1 KiB; for the longest path and the largest counts the rest gives way, the sketch never', () => {
  const facts = {
    origin: { buildId: 'c5'.repeat(20), package: { name: 'nginx-core', version: '1.22.1-9+deb12u11' } },
    key: testKey,
    hours: Uint8Array.from({ length: 168 }, (_, hour) => hour % 4),
  }
  const many = Array.from({ length: 3000 }, (_, n): [number, number, number] => [
    n % 300,
    n >> 3,
    1 + (n % 5),
  ])
  const most = Number.MAX_SAFE_INTEGER
  const record = profile({ binary: '/usr/lib/postgresql/15/bin/postgres' }, many)
  const usual = makeDigest(record, encodeProfile(record), { lost: 0.1, made: startTime, ...facts })
  assert.ok(encode(encodeDigest(usual)).length <= DIGEST_BYTES)
  assert.deepEqual(validateDigest(encodeDigest(usual)), usual)
  assert.equal(usual.usage?.length, 12)
  for (const binary of [
    `/${'x'.repeat(4095)}`,
    `/${'\u{1f600}'.repeat(1000)}`,
    `/${'\u202e'.repeat(1000)}`,
  ]) {
    const long = profile({ binary }, many)
    const digest = makeDigest(long, encodeProfile(long), { lost: 0.123456789, made: 8e15, ...facts })
    const full: Digest = {
      ...digest,
      calls: most,
      sequences: most,
      anomalies: most,
      sinceChange: most,
      since: 8e15,
    }
    const wire = encodeDigest(full)
    const { length } = encode(wire)
    assert.ok(length <= DIGEST_BYTES, `${length} bytes`)
    const read = validateDigest(wire)
    assert.equal(read.binary, digest.binary)
    assert.deepEqual(read.sketch, digest.sketch)
    assert.equal(read.usage, undefined)
    assert.notEqual(digestOf({ binary: `${binary}x` }, []).binary, digest.binary)
  }
  assert.throws(() => encodeDigest({ ...usual, binary: `/${'x'.repeat(1000)}` }), FleetError)
})

test('what stands behind a judgement travels, and is held to its bounds', () => {
  const judgement = { units: 900, learned: 880, settled: true, m: 120, q: 31 }
  const wire = encodeDigest({ ...plain, judgement, processes: 900 })
  assert.deepEqual(validateDigest(wire), { ...plain, judgement, processes: 900 })
  for (const j of [[1, 2, 3], [1, 2, 2, 0, 0], [1, 2, 1, 0, 1001], 'x'])
    assert.throws(() => validateDigest({ ...wire, j }), /the digest does not hold: j/)
})

test('a sketch that cannot be one of so many pairs is refused: it would know everything', () => {
  const { p, ...rest } = encodeDigest(
    makeDigest(profile({}, [[1, 0, 1]]), new Uint8Array(1), { lost: 0, made: startTime, key: testKey }),
  )
  const refused = (said: unknown) =>
    assert.throws(
      () => validateDigest(said, 'liar'),
      (error: FleetError) => error.reason === 'bad-sketch' && error.peer === 'liar',
    )
  refused({ ...rest, p, x: new Uint8Array(640).fill(255) })
  refused({ ...rest, p: 5000 })
  assert.throws(
    () => validateDigest({ ...rest, p, x: new Uint8Array(639) }),
    (error: FleetError) => error.reason === 'bad-digest',
  )
})

test('what a hostile peer calls a digest is refused', () => {
  const wire = encodeDigest(plain)
  const bad: [unknown, RegExp][] = [
    [undefined, /it:/],
    [{ ...wire, b: '/\u001b[2J' }, /b: is no printable/],
    [{ ...wire, b: 'x'.repeat(1e6) }, /b:/],
    [{ ...wire, s: new Uint8Array(31) }, /s: is no SHA-256/],
    [{ ...wire, h: new Uint8Array(0) }, /h: is no SHA-256/],
    [{ ...wire, a: 3 }, /a:/],
    [{ ...wire, w: 10 }, /w:/],
    [{ ...wire, t: -1 }, /t:/],
    [{ ...wire, c: -1 }, /c:/],
    [{ ...wire, p: 1.5 }, /p:/],
    [{ ...wire, m: Number.POSITIVE_INFINITY }, /m:/],
    [{ ...wire, z: 50_000_000 }, /z:/],
    [{ ...wire, v: 1 }, /v:/],
    [{ ...wire, i: new Uint8Array(33) }, /i: is no build-id/],
    [{ ...wire, k: ['nginx', 'a b'] }, /k.1: is no name or version/],
    [{ ...wire, k: ['nginx', `1${'\u001b'}[2J`] }, /k.1:/],
    [{ ...wire, x: new Uint8Array(640) }, /a sketch and its key come together/],
    [{ ...wire, d: new Uint8Array(4) }, /d: is no share of calls/],
    [{ ...wire, e: new Uint8Array(41) }, /e: is no week of hours/],
    [{ ...wire, more: new Uint8Array(1000) }, /a digest of \d+ bytes/],
  ]
  for (const [said, reason] of bad)
    assert.throws(
      () => validateDigest(said, 'peer'),
      (error: FleetError) => {
        assert.equal(error.reason, 'bad-digest')
        assert.match(error.message, reason)
        return true
      },
    )
  fc.assert(fc.property(fc.anything(), (said) => void assert.throws(() => validateDigest(said), FleetError)))
})

const record = (peer: string, digest: Digest, expires = startTime + 1000): DigestRecord => ({
  key: digestKey(digest),
  peer,
  name: `host-${peer}`,
  expires,
  body: encodeDigest(digest),
})

test('the book holds what hosts say until it runs out, and tells of each program', () => {
  const refusals = new Refusals()
  const book = new DigestBook(refusals)
  const other = digestOf({ sha256: 'cd'.repeat(32) }, [[1, 0, 1]], { frozen: true })
  const tar = digestOf({ binary: '/usr/bin/tar' }, [[5, 0, 1]])
  book.apply('raised', record('a', plain), startTime)
  book.apply('raised', record('b', other), startTime)
  book.apply('raised', record('b', tar, startTime + 50), startTime)
  assert.equal(book.apply('raised', { ...record('c', tar), body: { b: 1 } }, startTime), undefined)
  assert.equal(book.apply('raised', record('c', tar, startTime), startTime), undefined)
  assert.deepEqual(refusals.all(), { c: { 'bad-digest': 1, stale: 1 } })
  const own = { name: 'me', peer: 'me', digests: [plain] }
  const [less, second] = binaries(book, own)
  assert.deepEqual(
    [less?.binary, less?.versions, less?.states, less?.pairs, less?.calls],
    ['/usr/bin/less', 2, { learning: 2, frozen: 1, normal: 0 }, { min: 1, max: 3 }, 3000],
  )
  assert.deepEqual(
    less?.hosts.map(({ name, sha256, pairs }) => [name, sha256.slice(0, 2), pairs]),
    [
      ['host-a', 'ab', 3],
      ['host-b', 'cd', 1],
      ['me', 'ab', 3],
    ],
  )
  assert.equal(second?.binary, '/usr/bin/tar')
  assert.deepEqual(
    book.of('less').map(({ peer }) => peer),
    ['a', 'b'],
  )
  assert.deepEqual(
    book.of('/usr/bin/tar').map(({ peer }) => peer),
    ['b'],
  )
  assert.deepEqual(book.of('ess'), [])
  assert.equal(book.expire(startTime + 50), 1)
  book.apply('cleared', record('a', plain), startTime)
  assert.equal(book.gauge().digests, 1)
  book.forget('b')
  assert.deepEqual(binaries(book, { ...own, digests: [] }), [])
})

test('a host that tells too much costs nobody else', () => {
  const refusals = new Refusals()
  const book = new DigestBook(refusals, { perPeer: 5, inAll: 8 })
  const many = Array.from({ length: 9 }, (_, n) => ({ ...plain, binary: `/p${n}` }))
  for (const digest of many.slice(0, 3)) book.apply('raised', record('a', digest), startTime)
  for (const digest of many) book.apply('raised', record('b', digest), startTime)
  assert.deepEqual(refusals.of('b'), { 'too-large': 4 })
  book.apply('raised', record('c', plain), startTime)
  const held = [...book.all()].map(({ peer, digest }) => peer + digest.binary)
  assert.deepEqual(held, ['a/p0', 'a/p1', 'a/p2', 'b/p1', 'b/p2', 'b/p3', 'b/p4', 'c/usr/bin/less'])
  assert.deepEqual(book.gauge(), { digests: 8, pulled: 0, peers: 3, limit: 8, evicted: 1 })
  book.apply('refreshed', record('b', many[1] as Digest), startTime)
  assert.equal(book.gauge().digests, 8)
})
