import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newSigner } from '../../src/mesh/identity/keys.ts'
import { encode } from '../../src/mesh/records/codec.ts'
import { makeEnvelope, type NewStatement, readEnvelope } from '../../src/mesh/records/envelope.ts'
import { connected, fleet, type Host, keysOf, sleep, until } from './support.ts'

const manifests = (host: Host, of: Host) =>
  [...host.node.ledger.live.of(of.node.identity.peer)].filter(
    ({ statement }) => statement.kind === 'manifest',
  )

test('a host that has said much signs for it; a late joiner takes it by those manifests, and looks at every signature later', async () => {
  const hosts = fleet('memory')
  try {
    const a = await hosts.found('a', { timing: { sweep: 100 } })
    const b = await hosts.join('b', a)
    await connected([a, b])
    for (let i = 0; i < 200; i++) await a.node.publish('digest', `d${i}`, { i }, 600_000)
    await a.node.publish('semaphore', 's', 1, 600_000, 9)
    await until('a has vouched', () => manifests(a, a).length >= 2)
    assert.deepEqual(
      a.events.filter(
        (event) => event.type === 'record' && !['digest', 'semaphore', 'alive'].includes(event.record.kind),
      ),
      [],
      'nobody is told of manifests',
    )
    assert.equal(a.node.records().filter(({ kind }) => (kind as string) === 'manifest').length, 0)
    await b.node.stop()
    const c = await hosts.join('c', a, { timing: { sweep: 60_000 } })
    await until('c has all', () => c.node.records('digest').length === 200, 5000)
    const audit = () => c.node.status().gauges.audit as number
    assert.ok(audit() >= 128, `${audit()} were taken by a manifest`)
    while (audit() > 0) c.node.ledger.audit()
    assert.equal(c.node.status().refused['false-voucher'], undefined)
    assert.equal(c.node.records('digest').length, 200)
  } finally {
    await hosts.end()
  }
})

test('a manifest for what its author has not signed is seen in the audit: the record goes, its author’s manifests count no more', async () => {
  const hosts = fleet('memory')
  try {
    const a = await hosts.found('a')
    const b = await hosts.join('b', a)
    await connected([a, b])
    const { meshId, peer, node } = b.node.identity
    const now = Date.now()
    const of = (seq: number, key: string, more: Partial<NewStatement>): NewStatement => ({
      ...{
        meshId,
        author: peer,
        epoch: now + 1,
        seq,
        ts: now,
        expires: now + 600_000,
        kind: 'digest',
        key,
        op: 'raise',
      },
      ...{ body: null, ...more },
    })
    const forged = [1, 2, 3].map((seq) => makeEnvelope(of(seq, `forged${seq}`, {}), newSigner()))
    const honest = makeEnvelope(of(4, 'honest', {}), node)
    const body = Buffer.concat([...forged, honest].map(({ hash }) => hash.subarray(0, 16)))
    const manifest = makeEnvelope(of(9, '0', { kind: 'manifest', body: new Uint8Array(body) }), node)
    const { ledger } = a.node
    for (const { envelope } of forged)
      assert.equal(
        (await ledger.receive(envelope, 'sync', '')).result,
        'reject',
        'without a manifest it is refused',
      )
    assert.equal((await ledger.receive(manifest.envelope, 'sync', '')).result, 'accept')
    assert.equal(
      (await ledger.receive(forged[0]?.envelope as Uint8Array, 'gossip', '')).result,
      'reject',
      'gossip looks at each',
    )
    for (const { envelope } of [...forged.slice(0, 2), honest])
      assert.equal((await ledger.receive(envelope, 'sync', '')).result, 'accept')
    await until('the audit saw it', () => a.node.status().refused['false-voucher'] === 2)
    assert.deepEqual(
      a.node.records('digest').map(({ key }) => key),
      ['honest'],
    )
    assert.equal((await ledger.receive(forged[2]?.envelope as Uint8Array, 'sync', '')).result, 'reject')
    const proofs: string[] = []
    for await (const [key] of a.store.list({ prefix: 'evidence/' })) proofs.push(key)
    assert.equal(proofs.length, 2)
  } finally {
    await hosts.end()
  }
})

test('a manifest with another key, or of half a hash, is none; a spelling that is not canonical does not pass a sync either', async () => {
  const hosts = fleet('memory')
  try {
    const a = await hosts.found('a')
    const b = await hosts.join('b', a)
    await connected([a, b])
    const { meshId, peer, node } = b.node.identity
    const now = Date.now()
    const base = {
      meshId,
      author: peer,
      epoch: now + 1,
      ts: now,
      expires: now + 60_000,
      op: 'raise' as const,
      body: null,
    }
    const { ledger } = a.node
    const verdict = async (envelope: Uint8Array, way: 'gossip' | 'sync') => {
      const said = await ledger.receive(envelope, way, '')
      return said.result === 'accept' ? 'accept' : said.reason
    }
    const bad = [
      { key: '32', body: new Uint8Array(16) },
      { key: '0', body: new Uint8Array(15) },
      { key: '01', body: new Uint8Array(16) },
      { key: '0', body: 'words' },
    ]
    for (const [i, more] of bad.entries())
      for (const way of ['gossip', 'sync'] as const)
        assert.equal(
          await verdict(makeEnvelope({ ...base, kind: 'manifest', seq: i + 1, ...more }, node).envelope, way),
          'encoding',
        )
    const { envelope } = makeEnvelope({ ...base, kind: 'digest', key: 'k', seq: 50 }, node)
    assert.deepEqual(readEnvelope(envelope).key, 'k')
    // The first pair, "v": 1, with 1 written in two bytes.
    const at = Buffer.from(envelope).indexOf(Buffer.from(encode('v')))
    const longer = new Uint8Array([...envelope.subarray(0, at + 2), 0x18, 0x01, ...envelope.subarray(at + 3)])
    // The first two pairs in the other order.
    const swapped = new Uint8Array([
      ...[envelope[0] as number],
      ...envelope.subarray(4, 4 + 3 + 1 + 'raise'.length),
      ...envelope.subarray(1, 4),
      ...envelope.subarray(4 + 3 + 1 + 'raise'.length),
    ])
    assert.equal(swapped.length, envelope.length)
    for (const way of ['gossip', 'sync'] as const) {
      assert.equal(await verdict(longer, way), 'encoding')
      assert.equal(await verdict(swapped, way), 'encoding')
    }
    assert.equal(await verdict(envelope, 'sync'), 'accept')
    assert.ok(keysOf(a).length === 0)
    await sleep(1)
  } finally {
    await hosts.end()
  }
})
