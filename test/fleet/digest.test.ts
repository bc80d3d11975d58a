import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encode } from 'cborg'
import fc from 'fast-check'
import {
  binaries,
  DIGEST_BYTES,
  DIGEST_PLAIN_BYTES,
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
import { profile, startTime } from './support.ts'

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
    },
  )
  assert.deepEqual(validateDigest(encodeDigest(plain)), plain)
})

test('the longest path with the largest counts leaves room for a sketch of 640 bytes in 1 KiB', () => {
  for (const binary of [
    `/${'x'.repeat(4095)}`,
    `/${'\u{1f600}'.repeat(1000)}`,
    `/${'\u202e'.repeat(1000)}`,
  ]) {
    const digest = digestOf({ binary }, [[1, 0, 1]])
    const most = Number.MAX_SAFE_INTEGER
    const full: Digest = {
      ...digest,
      calls: most,
      sequences: most,
      anomalies: most,
      sinceChange: most,
      since: 8e15,
      made: 8e15,
      lost: 0.123456789,
    }
    const wire = encodeDigest(full)
    assert.ok(encode(wire).length <= DIGEST_PLAIN_BYTES, `${encode(wire).length} bytes`)
    assert.ok(encode({ ...wire, k: new Uint8Array(640) }).length <= DIGEST_BYTES)
    assert.equal(validateDigest({ ...wire, k: new Uint8Array(640) }).binary, digest.binary)
    assert.notEqual(digestOf({ binary: `${binary}x` }, []).binary, digest.binary)
  }
  assert.throws(() => encodeDigest({ ...plain, binary: `/${'x'.repeat(400)}` }), FleetError)
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
  assert.deepEqual(book.gauge(), { digests: 8, peers: 3, limit: 8, evicted: 1 })
  book.apply('refreshed', record('b', many[1] as Digest), startTime)
  assert.equal(book.gauge().digests, 8)
})
