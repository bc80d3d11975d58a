/** Any byte flipped, cut or added in anything that is signed or checked is refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AdminLog, type AdminStatement } from '../../src/mesh/administration/adminlog.ts'
import {
  capabilities,
  makeCredential,
  makeIssuerCertificate,
  meshIdOf,
  openCredential,
} from '../../src/mesh/identity/certificate.ts'
import { newSigner, peerOf } from '../../src/mesh/identity/keys.ts'
import { decodeToken, encodeToken } from '../../src/mesh/identity/token.ts'
import { Directory } from '../../src/mesh/members/directory.ts'
import { Buckets } from '../../src/mesh/records/buckets.ts'
import { decode, encode } from '../../src/mesh/records/codec.ts'
import { makeEnvelope, readEnvelope } from '../../src/mesh/records/envelope.ts'
import { type Court, judge } from '../../src/mesh/records/judge.ts'
import { LiveState } from '../../src/mesh/records/live.ts'
import { Windows } from '../../src/mesh/records/windows.ts'

const now = 1_800_000_000_000
const root = newSigner()
const issuer = newSigner()
const node = newSigner()
const peer = peerOf(node.publicKey)
const meshId = meshIdOf(root.publicKey)
const dates = { notBefore: now - 1000, notAfter: now + 86_400_000 }
const certificate = makeIssuerCertificate(root, {
  issuer: issuer.publicKey,
  can: [...capabilities],
  ...dates,
})
const credential = makeCredential(
  { signer: issuer, certificate },
  { meshId, peer, name: 'web-7', tags: ['eu'], role: 'member', ...dates, serial: new Uint8Array(16).fill(7) },
)

/** One way of spoiling some bytes: another value at a place, a cut, or an addition. */
const spoiling = (length: number) =>
  fc.oneof(
    fc
      .record({ at: fc.nat(length - 1), xor: fc.integer({ min: 1, max: 255 }) })
      .map(({ at, xor }) => (bytes: Uint8Array) => {
        const spoilt = bytes.slice()
        spoilt[at] = (spoilt[at] as number) ^ xor
        return spoilt
      }),
    fc.nat(length - 1).map((end) => (bytes: Uint8Array) => bytes.slice(0, end)),
    fc
      .uint8Array({ minLength: 1, maxLength: 8 })
      .map((more) => (bytes: Uint8Array) => new Uint8Array([...bytes, ...more])),
  )

const everyByte = (bytes: Uint8Array, refused: (spoilt: Uint8Array, at: number) => void) => {
  for (let at = 0; at < bytes.length; at++)
    for (const xor of [1, 0x20, 0x80, 0xff]) {
      const spoilt = bytes.slice()
      spoilt[at] = (spoilt[at] as number) ^ xor
      refused(spoilt, at)
    }
}

function court(): Court {
  const rules = { root: root.publicKey, revoked: () => false, silentAfter: 1000, dropped: () => undefined }
  const directory = new Directory(rules)
  directory.learn({ credential, addresses: [] }, now)
  return {
    meshId,
    now: () => now,
    directory,
    windows: new Windows(),
    buckets: new Buckets(),
    live: new LiveState(),
    vouched: () => false,
    replaces: () => false,
    notMine: () => false,
    seek: async () => undefined,
  }
}

const body = { binary: '/usr/bin/less', pairs: [['open', 'execve', 1]], n: -7, f: 1.5, none: null }
const envelope = makeEnvelope(
  {
    meshId,
    author: peer,
    epoch: 3,
    seq: 9,
    ts: now,
    expires: now + 60_000,
    kind: 'semaphore',
    key: 'k',
    op: 'raise',
    body,
  },
  node,
).envelope

test('an envelope: accepted as it is, by neither way with any byte changed', async () => {
  assert.equal((await judge(court(), envelope, 'gossip', 'x')).result, 'accept')
  const spoilt: Uint8Array[] = []
  everyByte(envelope, (bytes) => spoilt.push(bytes))
  for (const bytes of spoilt) {
    const verdict = await judge(court(), bytes, 'gossip', 'x')
    assert.notEqual(verdict.result, 'accept')
  }
  await fc.assert(
    fc.asyncProperty(
      spoiling(envelope.length),
      fc.constantFrom('gossip' as const, 'sync' as const),
      async (spoil, way) => {
        const { result } = await judge(court(), spoil(envelope), way, 'x')
        assert.notEqual(result, 'accept')
      },
    ),
    { numRuns: 500 },
  )
})

test('a forgery spends nothing of the author’s: numbers and tokens are charged after the signature', async () => {
  const sig = readEnvelope(envelope).sig.slice()
  sig[0] = (sig[0] as number) ^ 1
  const forged = encode({ ...(decode(envelope) as object), sig })
  const one = court()
  for (let i = 0; i < 100; i++) assert.equal((await judge(one, forged, 'gossip', 'x')).result, 'reject')
  assert.equal((await judge(one, envelope, 'gossip', 'x')).result, 'accept')
})

test('a manifest: any byte changed, and it vouches for nothing', async () => {
  const { hash } = readEnvelope(envelope)
  const manifest = makeEnvelope(
    {
      meshId,
      author: peer,
      epoch: 3,
      seq: 10,
      ts: now,
      expires: now + 60_000,
      kind: 'manifest',
      key: '0',
      op: 'raise',
      body: hash.slice(0, 16),
    },
    node,
  )
  assert.equal((await judge(court(), manifest.envelope, 'sync', 'x')).result, 'accept')
  const spoilt: Uint8Array[] = []
  everyByte(manifest.envelope, (bytes) => spoilt.push(bytes))
  for (const bytes of spoilt) assert.notEqual((await judge(court(), bytes, 'sync', 'x')).result, 'accept')
})

test('a credential', () => {
  assert.equal(openCredential(credential, root.publicKey).name, 'web-7')
  everyByte(credential, (spoilt) =>
    assert.throws(() => openCredential(spoilt, root.publicKey), { code: 'bad-certificate' }),
  )
  fc.assert(
    fc.property(spoiling(credential.length), (spoil) => {
      assert.throws(() => openCredential(spoil(credential), root.publicKey), { code: 'bad-certificate' })
    }),
  )
  assert.throws(() => openCredential(credential, newSigner().publicKey), { code: 'bad-certificate' })
})

test('a token', () => {
  const token = encodeToken({
    root: root.publicKey,
    addresses: ['/ip4/192.0.2.7/tcp/40000', '/ip6/2001:db8::7/tcp/40000', '/ip4/127.0.0.1/tcp/40000'],
    peer,
    invite: new Uint8Array(8).fill(1),
    secret: new Uint8Array(32).fill(2),
    expires: now,
    name: 'web-7',
  })
  assert.equal(decodeToken(`  ${token}\n`).name, 'web-7')
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_:.'
  fc.assert(
    fc.property(fc.nat(token.length - 1), fc.constantFrom(...alphabet), (at, letter) => {
      fc.pre(token[at] !== letter)
      const spoilt = token.slice(0, at) + letter + token.slice(at + 1)
      assert.throws(() => decodeToken(spoilt), { code: 'bad-token' })
    }),
    { numRuns: 1000 },
  )
  for (let length = 0; length < token.length; length++)
    assert.throws(() => decodeToken(token.slice(0, length)), { code: 'bad-token' })
})

test('an entry of the admin log; the chain itself: none left out, none twice, none by whoever may not', () => {
  const log = new AdminLog(root.publicKey)
  const revoke: AdminStatement = { op: 'revoke', peer, serial: '', reason: 'stolen' }
  log.append(log.make({ op: 'issuer', certificate }, root, now))
  log.append(log.make(revoke, issuer, now))
  assert.equal(log.revoked(peer, '00'), true)
  const entries = log.entries() as [Uint8Array, Uint8Array]
  for (const [i, entry] of entries.entries()) {
    const before = entries.slice(0, i)
    everyByte(entry, (spoilt) => {
      assert.throws(() => new AdminLog(root.publicKey, [...before, spoilt]))
    })
    fc.assert(
      fc.property(spoiling(entry.length), (spoil) => {
        assert.throws(() => new AdminLog(root.publicKey, [...before, spoil(entry)]))
      }),
    )
  }
  // A checkpoint, where it continues the chain and where a newcomer begins with it.
  const summed = new AdminLog(root.publicKey, entries)
  summed.append(summed.make(summed.state.snapshot(now), issuer, now))
  const checkpoint = summed.entries()[2] as Uint8Array
  assert.equal(new AdminLog(root.publicKey, [checkpoint]).revoked(peer, '00'), true)
  for (const before of [entries, []]) {
    everyByte(checkpoint, (spoilt) => {
      assert.throws(() => new AdminLog(root.publicKey, [...before, spoilt]))
    })
  }
  assert.throws(() => new AdminLog(root.publicKey, [entries[1]]), { code: 'bad-log' })
  assert.throws(() => new AdminLog(root.publicKey, [entries[0], entries[0]]), { code: 'bad-log' })
  assert.throws(() => log.append(log.make(revoke, node, now)), { code: 'bad-log' })
  assert.throws(() => log.append(log.make({ op: 'issuer', certificate }, issuer, now)), { code: 'bad-log' })
  assert.equal(log.head().seq, 2)
})

test('bytes that are not the canonical spelling of their value are refused, and garbage never does more than throw', () => {
  const decodable = (bytes: Uint8Array) => {
    try {
      return decode(bytes)
    } catch {
      return undefined
    }
  }
  assert.equal(decodable(new Uint8Array([0x18, 0x05])), undefined)
  assert.equal(decodable(new Uint8Array([0xa2, 0x61, 0x62, 0x01, 0x61, 0x61, 0x02])), undefined)
  assert.deepEqual(decodable(new Uint8Array([0xa2, 0x61, 0x61, 0x02, 0x61, 0x62, 0x01])), { a: 2, b: 1 })
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const value = decodable(bytes)
      if (value !== undefined) assert.deepEqual(encode(value), bytes)
      assert.throws(() => readEnvelope(bytes), { code: 'bad-record' })
    }),
    { numRuns: 1000 },
  )
})
