import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { makeCredential, makeIssuerCertificate, meshIdOf } from '../../src/mesh/identity/certificate.ts'
import { newSigner, peerOf, type Signer } from '../../src/mesh/identity/keys.ts'
import { protocols, topic } from '../../src/mesh/limits.ts'
import { encode } from '../../src/mesh/records/codec.ts'
import { makeEnvelope, type NewStatement } from '../../src/mesh/records/envelope.ts'
import { createMeshHost, dial, type MeshHost } from '../../src/mesh/transport/host.ts'
import { type RingKey, ringKey } from '../../src/mesh/transport/protector.ts'
import { converse } from '../../src/mesh/transport/streams.ts'
import { connected, type Fleet, fleet, type Host, keysOf, sleep, until } from './support.ts'

/** A member that says on the wire what it likes. */
const inject = (host: Host, bytes: Uint8Array) => host.node.host.services.pubsub.publish(topic, bytes)
const refused = (host: Host, reason: string) => host.node.status().refused[reason] ?? 0

async function withThree(work: (hosts: Fleet, a: Host, b: Host, c: Host) => Promise<void>, seen = 720_000) {
  const hosts = fleet('tcp')
  try {
    const options = { timing: { seen } }
    const a = await hosts.found('a', options)
    const b = await hosts.join('b', a, options)
    const c = await hosts.join('c', a, options)
    await connected([a, b, c])
    await sleep(1300)
    await work(hosts, a, b, c)
  } finally {
    await hosts.end()
  }
}

function statement(host: Host, more: Partial<NewStatement>): NewStatement {
  const now = Date.now()
  const { meshId, peer } = host.node.identity
  return {
    meshId,
    author: peer,
    epoch: now + 1_000_000,
    seq: 1,
    ts: now,
    expires: now + 60_000,
    kind: 'semaphore',
    key: 'k',
    op: 'raise',
    body: null,
    ...more,
  }
}

test('a replay is refused after gossip has forgotten it, and after a restart; a cleared semaphore does not rise again', () =>
  withThree(async (hosts, a, b, c) => {
    const raised = await a.node.publish('semaphore', 'k', 1, 600_000)
    await until('b has it', () => keysOf(b).length === 1)
    await a.node.clear('semaphore', 'k')
    await until('cleared', () => keysOf(b).length === 0)
    const events = b.events.length
    await sleep(2500)
    await inject(c, raised.envelope)
    await until('b refuses the duplicate', () => refused(b, 'duplicate') > 0)
    assert.deepEqual(keysOf(b), [])
    await b.node.stop()
    const again = await hosts.open('b', b.folder, b.store, { timing: { seen: 300 } })
    await connected([a, again, c])
    await sleep(2500)
    await inject(c, raised.envelope)
    await until('b refuses it again', () => refused(again, 'duplicate') > 0)
    assert.deepEqual(keysOf(again), [])
    assert.ok(!b.events.slice(events).some((e) => e.type === 'record' && e.record.key === 'k'))
  }, 300))

test('a member cannot speak for another, nor twice under one number, nor in the future; none of it is passed on', () =>
  withThree(async (_hosts, a, b, c) => {
    const own = c.node.identity.node
    const first = makeEnvelope(statement(c, { body: 'one thing' }), own)
    const second = makeEnvelope(statement(c, { epoch: first.epoch, body: 'another' }), own)
    await inject(c, first.envelope)
    await until('both have it', () => keysOf(a).includes('c/k') && keysOf(b).includes('c/k'))
    await inject(c, second.envelope)
    await until('seen for what it is', () => refused(a, 'equivocation') > 0 && refused(b, 'equivocation') > 0)
    const [preferred] = [first, second].sort((x, y) => Buffer.compare(x.hash, y.hash))
    for (const host of [a, b]) {
      await until(
        'the same one stands on both',
        () => host.node.records('semaphore')[0]?.body === preferred?.body,
      )
      assert.equal(host.node.records('semaphore').length, 1)
    }
    const evidence: string[] = []
    for await (const [key] of a.store.list({ prefix: 'evidence/' })) evidence.push(key)
    assert.deepEqual(evidence, [`evidence/${c.node.identity.peer}/${first.epoch}/1`])

    const late = Date.now() + 10 * 60_000
    await inject(
      c,
      makeEnvelope(statement(c, { seq: 2, key: 'future', ts: late, expires: late + 1 }), own).envelope,
    )
    await until('from the future', () => refused(a, 'future') > 0)

    const forged = makeEnvelope(statement(a, { key: 'forged' }), own)
    await inject(c, forged.envelope)
    await until('refused', () => refused(a, 'signature') > 0 && refused(b, 'signature') > 0)
    await sleep(300)
    assert.ok(!keysOf(b).includes('a/forged') && !keysOf(a).includes('a/forged'))
    // What b refused, a heard of once, from c: b passed nothing on.
    assert.equal(refused(a, 'signature'), 1)
  }))

test('over rate is ignored by gossip, and still arrives by sync: slowed down, not lost', () =>
  withThree(async (_hosts, a, b) => {
    for (let i = 0; i < 60; i++) await a.node.publish('semaphore', `s${i}`, null, 600_000)
    await until('over rate', () => refused(b, 'rate') > 0)
    assert.ok(keysOf(b).length < 60)
    await b.node.synchroniser.with(a.node.identity.peer)
    assert.equal(keysOf(b).length, 60)
  }))

interface Stranger {
  host: MeshHost
  heard: Uint8Array[]
}

async function stranger(meshId: Uint8Array, ring: RingKey[], key: Signer = newSigner()): Promise<Stranger> {
  const options = { key, meshId, listen: [], memory: false, ring: () => ring }
  const host = await createMeshHost(options, { score: () => 0, seen: 1000 })
  const heard: Uint8Array[] = []
  await host.start()
  host.services.pubsub.subscribe(topic)
  host.services.pubsub.addEventListener('message', ({ detail }) => heard.push(detail.data))
  return { host, heard }
}

const reach = (from: Stranger, to: Host) =>
  dial(from.host, to.node.identity.peer, to.node.status().addresses, 3000)

test('a stranger without the key of the mesh is refused at once and reaches no protocol', async () => {
  const hosts = fleet('tcp')
  const a = await hosts.found('a')
  const outside = await stranger(a.node.identity.meshId, [ringKey(new Uint8Array(randomBytes(32)))])
  try {
    const began = performance.now()
    await assert.rejects(reach(outside, a))
    assert.ok(performance.now() - began < 1000)
    assert.equal(a.node.host.getConnections().length, 0)
  } finally {
    await outside.host.stop()
    await hosts.end()
  }
})

test('a member of another mesh that has stolen the key fails at noise; in this mesh’s name, at the certificate', async () => {
  const hosts = fleet('tcp')
  const a = await hosts.found('a')
  const other = await hosts.found('other')
  const { ring, meshId } = a.node.identity
  const outside = await stranger(other.node.identity.meshId, ring)
  const inside = await stranger(meshId, ring, other.node.identity.node)
  try {
    await assert.rejects(reach(outside, a))
    const connection = await reach(inside, a)
    const answer = await sayHello(inside, a, other.node.identity.certificate.credential)
    assert.match(String(answer), /refused: .*root key of this mesh/)
    await until('closed', () => connection.status !== 'open', 3000)
    assert.equal(a.node.status().connected, 0)
    assert.equal(a.node.members().length, 1)
  } finally {
    await Promise.all([outside.host.stop(), inside.host.stop()])
    await hosts.end()
  }
})

async function sayHello(from: Stranger, to: Host, credential: Uint8Array): Promise<unknown> {
  const signal = AbortSignal.timeout(3000)
  const connection = from.host.getConnections()[0]
  const stream = await connection?.newStream(protocols.hello, { signal })
  if (stream === undefined) throw new Error('no connection')
  const talk = converse(stream, 1 << 20, signal)
  const head = to.node.identity.admin.head()
  await talk.write({ v: 1, credential, head, version: 'x', features: 0, clock: Date.now() })
  const answer = await talk.read<{ refused?: string }>({ parse: (value: unknown) => value } as never)
  return answer.refused === undefined ? 'accepted' : `refused: ${answer.refused}`
}

test('a certificate that its bearer made itself, or that is somebody else’s, opens nothing', async () => {
  const hosts = fleet('tcp')
  const a = await hosts.found('a')
  const { ring, meshId } = a.node.identity
  const key = newSigner()
  const outside = await stranger(meshId, ring, key)
  try {
    const issuer = newSigner()
    const root = newSigner()
    const dates = { notBefore: Date.now() - 1000, notAfter: Date.now() + 1_000_000 }
    const certificate = makeIssuerCertificate(root, { issuer: issuer.publicKey, can: ['invite'], ...dates })
    const forged = makeCredential(
      { signer: issuer, certificate },
      {
        meshId: meshIdOf(root.publicKey),
        peer: peerOf(key.publicKey),
        name: 'mallory',
        tags: [],
        role: 'admin',
        ...dates,
        serial: new Uint8Array(16),
      },
    )
    await reach(outside, a)
    assert.match(String(await sayHello(outside, a, forged)), /refused: .*not signed by the root key/)
    await until('closed', () => outside.host.getConnections().length === 0)
    await reach(outside, a)
    const borrowed = a.node.identity.certificate.credential
    assert.match(String(await sayHello(outside, a, borrowed)), /refused: .*not of whoever shows it/)
  } finally {
    await outside.host.stop()
    await hosts.end()
  }
})

test('a pending peer, with the key and no certificate, neither injects nor hears, asks nothing, and is cut off', async () => {
  const hosts = fleet('tcp')
  const a = await hosts.found('a', { timing: { hello: 3000 } })
  const b = await hosts.join('b', a)
  const outside = await stranger(a.node.identity.meshId, a.node.identity.ring)
  try {
    await connected([a, b])
    const connection = await reach(outside, a)
    await sleep(1300)
    const record = await a.node.publish('semaphore', 'secret', 'words', 60_000)
    await until('b has it', () => keysOf(b).length === 1)
    const now = Date.now()
    const mine = makeEnvelope(
      statement(b, { key: 'injected', ts: now }),
      // Even what a member has signed is not taken from a peer that is none.
      b.node.identity.node,
    )
    await outside.host.services.pubsub.publish(topic, mine.envelope)
    await until('counted', () => refused(a, 'pending') > 0, 1000)
    assert.deepEqual(outside.heard, [])
    assert.ok(!keysOf(a).includes('b/injected'))
    a.node.serve('echo', async (request) => request, { requestBytes: 10, answerBytes: 10 })
    for (const protocol of [protocols.sync, protocols.certificates, protocols.ask('echo')]) {
      const stream = await connection.newStream(protocol, { signal: AbortSignal.timeout(1000) })
      const talk = converse(stream, 1000, AbortSignal.timeout(1000))
      await assert.rejects(async () => {
        await talk.write(['have', new Uint8Array(32)])
        await talk.read({ parse: (value: unknown) => value } as never)
      })
    }
    await until('cut off', () => connection.status !== 'open', 4000)
    assert.equal(refused(a, 'hello-timeout'), 1)
    assert.ok(record.envelope.length > 0)
    assert.deepEqual(outside.heard, [])
  } finally {
    await outside.host.stop()
    await hosts.end()
  }
})

test('a member that sends garbage on every protocol, and cuts in the middle, breaks nothing', () =>
  withThree(async (_hosts, a, b, c) => {
    a.node.serve('echo', async (request) => request, { requestBytes: 100, answerBytes: 100 })
    const to = peerIdFromString(a.node.identity.peer)
    const all = [protocols.sync, protocols.certificates, protocols.ask('echo'), protocols.hello]
    const garbage = [
      new Uint8Array(0),
      new Uint8Array([0]),
      new Uint8Array([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
      new Uint8Array([5, 0x84, 0x64, 0x68, 0x61, 0x76]),
      new Uint8Array(randomBytes(5000)),
      encodeFrame(['vector', []]),
      encodeFrame(['have', 'no hash']),
      encodeFrame({ v: 1 }),
    ]
    const connected = () =>
      [a.node, c.node].every((node, i) => node.admission.admitted((i ? a : c).node.identity.peer))
    const open = async (protocol: string, signal: AbortSignal): Promise<Stream> => {
      for (;;) {
        await until('a and c are connected', connected)
        const [connection] = c.node.host.getConnections(to)
        try {
          if (connection) return await connection.newStream(protocol, { signal })
        } catch (error) {
          // A bad hello costs c its connection, which it makes anew; this one may be on its way out still.
          if (connection?.status === 'open') throw error
        }
        await sleep(5)
      }
    }
    const send = async (protocol: string, bytes: Uint8Array, end: 'close' | 'abort') => {
      const signal = AbortSignal.timeout(10_000)
      const stream = await open(protocol, signal)
      stream.send(bytes)
      if (end === 'abort') stream.abort(new Error('cut'))
      else await stream.close({ signal }).catch(() => undefined)
      await sleep(protocol === protocols.hello ? 100 : 5)
    }
    for (const bytes of garbage.slice(1)) await inject(c, bytes)
    await until('gossip refused', () => refused(a, 'encoding') > 0)
    for (const protocol of all)
      for (const bytes of garbage)
        for (const end of ['close', 'abort'] as const) await send(protocol, bytes, end)
    assert.ok(refused(a, 'sync-failed') >= 10, 'sync')
    assert.ok(refused(a, 'hello-refused') >= 10, 'hello')
    await b.node.publish('semaphore', 'still here', null, 60_000)
    await until('a hears b', () => keysOf(a).includes('b/still here'))
  }))

function encodeFrame(value: unknown): Uint8Array {
  const body = encode(value)
  return new Uint8Array([body.length, ...body])
}
