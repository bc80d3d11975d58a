/** What is made of peers that somebody on the local network tells of: dialled, seldom, few remembered. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { newSigner, peerOf } from '../../src/mesh/identity/keys.ts'
import { limits, mdnsEvery } from '../../src/mesh/limits.ts'
import { Nearby, serviceTag } from '../../src/mesh/transport/nearby.ts'

const peer = () => peerOf(newSigner().publicKey)
const at = (id: string, count = 1) => ({
  id: peerIdFromString(id),
  multiaddrs: Array.from({ length: count }, (_, i) => multiaddr(`/ip4/10.0.0.${i + 1}/tcp/7946`)),
})

test('the service is named by a hash: another for another mesh, short enough for a label, without the id', () => {
  const [one, two] = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)]
  assert.match(serviceTag(one), /^_[0-9a-f]{32}\._udp\.local$/)
  assert.equal(serviceTag(one), serviceTag(one.slice()))
  assert.notEqual(serviceTag(one), serviceTag(two))
  assert.ok(!serviceTag(one).includes(Buffer.from(one).toString('hex')))
})

test('found is dialled once a while, where it is not known, at a few addresses; a flood of names is forgotten', () => {
  let now = 0
  const known = new Set<string>()
  const dialled: [string, number][] = []
  const nearby = new Nearby({
    meshId: new Uint8Array(16),
    now: () => now,
    known: (id) => known.has(id),
    dial: (id, addresses) => void dialled.push([id, addresses.length]),
  })
  const [a, b] = [peer(), peer()]
  known.add(b)
  nearby.found(at(b))
  nearby.found(at(a, 20))
  nearby.found(at(a))
  nearby.found(at(peer(), 0))
  assert.deepEqual(dialled, [[a, limits.addresses]])
  now = mdnsEvery
  nearby.found(at(a))
  assert.equal(dialled.length, 2)
  for (let i = 0; i < 100; i++) nearby.found(at(peer()))
  assert.equal(nearby.size, limits.pendingPeers)
})
