/** Hosts that cannot be dialled: through a member, which sees ciphertext and serves members alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RELAY_V2_HOP_CODEC } from '@libp2p/circuit-relay-v2'
import { multiaddr } from '@multiformats/multiaddr'
import { newSigner } from '../../src/mesh/identity/keys.ts'
import { createMeshHost, dial, startHost } from '../../src/mesh/transport/host.ts'
import { Relay, through } from '../../src/mesh/transport/relay.ts'
import { type Fleet, fleet, type Host, keysOf, until } from './support.ts'

const timing = { reach: 50, reachAgain: 60_000 }
const open = { relay: { serves: 'auto', reachable: 'auto' }, timing } as const
/** Listens nowhere: nobody can dial it. */
const hidden = { ...open, listen: [] as string[] }

async function three(): Promise<{ hosts: Fleet; a: Host; b: Host; c: Host }> {
  const hosts = fleet('tcp')
  const c = await hosts.found('c', open)
  const a = await hosts.join('a', c, hidden)
  const b = await hosts.join('b', c, { ...hidden, relay: { serves: 'auto', reachable: 'no' } })
  return { hosts, a, b, c }
}

const relayedTo = (from: Host, to: Host) =>
  from.node.host
    .getConnections()
    .filter(
      ({ remotePeer, limits }) => remotePeer.toString() === to.node.identity.peer && limits !== undefined,
    )

test('two hosts that nobody can dial talk through a member: question, gossip, sync', async () => {
  const { hosts, a, b, c } = await three()
  try {
    await until('both are admitted to one another', () =>
      [a, b, c].every(({ node }) => node.status().connected === 2),
    )
    assert.ok(relayedTo(a, b).length > 0, 'through the relay')
    const [told] = a.node.status().addresses
    assert.match(told ?? '', new RegExp(`/p2p/${c.node.identity.peer}/p2p-circuit$`))
    b.node.serve('echo', async (asked) => asked, { requestBytes: 70_000, answerBytes: 70_000 })
    const long = new Uint8Array(65_000).fill(7)
    const bounds = { answerBytes: 70_000, timeoutMs: 5000 }
    assert.deepEqual(await a.node.request(b.node.identity.peer, 'echo', long, bounds), long)
    await a.node.publish('semaphore', 'of-a', { says: 'a' }, 60_000)
    await b.node.publish('semaphore', 'of-b', { says: 'b' }, 60_000)
    await until('both say it everywhere', () => [a, b, c].every((host) => keysOf(host).length === 2))
    assert.equal(c.node.status().gauges.relaySlots, 2)
    assert.ok((c.node.status().gauges.relayed ?? 0) >= 1)
    // Gossip of A and B would pass the relay twice; nothing of it is on the relayed connection.
    const protocols = relayedTo(a, b).flatMap(({ streams }) => streams.map(({ protocol }) => protocol))
    assert.ok(!protocols.some((protocol) => protocol.includes('meshsub')), protocols.join(' '))
  } finally {
    await hosts.end()
  }
})

test('the relay passes on no readable byte: neither what was said nor who greets', async () => {
  const { hosts, a, b, c } = await three()
  const watched = new Set<unknown>()
  const seen: Uint8Array[] = []
  const seeing = setInterval(() => {
    for (const connection of c.node.host.getConnections())
      for (const stream of connection.streams)
        if (stream.protocol === RELAY_V2_HOP_CODEC && !watched.has(stream)) {
          watched.add(stream)
          stream.addEventListener('message', ({ data }) => seen.push(data.subarray().slice()))
        }
  }, 1)
  try {
    await until('connected', () => relayedTo(a, b).length > 0 && a.node.status().connected === 2)
    b.node.serve('echo', async (asked) => asked, { requestBytes: 9000, answerBytes: 9000 })
    const secret = new TextEncoder().encode('a very readable question '.repeat(40))
    const bounds = { answerBytes: 9000, timeoutMs: 5000 }
    await a.node.request(b.node.identity.peer, 'echo', secret, bounds)
    const all = Buffer.concat(seen)
    assert.ok(all.length > 1000, 'something was seen')
    assert.ok(!all.includes('readable question') && !all.includes('/lymph/') && !all.includes('multistream'))
  } finally {
    clearInterval(seeing)
    await hosts.end()
  }
})

test('a revoked host loses slot and relayed connections, and gets no new ones', async () => {
  const { hosts, a, b, c } = await three()
  try {
    await until('connected', () => [a, b, c].every(({ node }) => node.status().connected === 2))
    const peer = a.node.identity.peer
    const took = performance.now()
    await c.node.operator.revoke('a', 'test')
    await until(
      'cut everywhere',
      () => relayedTo(b, a).length === 0 && c.node.status().gauges.relaySlots === 1,
    )
    assert.ok(performance.now() - took < 5000)
    assert.equal(c.node.host.getConnections().filter((one) => one.remotePeer.toString() === peer).length, 0)
    assert.equal(b.node.admission.admitted(peer), false)
    await assert.rejects(b.node.request(peer, 'echo', new Uint8Array(1), { answerBytes: 9, timeoutMs: 500 }))
  } finally {
    await hosts.end()
  }
})

test('who is not admitted gets neither a slot nor a connection; a host that is no relay gives none', async () => {
  const { hosts, c, b } = await three()
  try {
    await until('a slot', () => (c.node.status().gauges.relaySlots ?? 0) === 2)
    // Admission is what counts: the same peer, once it is not admitted any more, is refused by the same relay.
    const slots = c.node.status().gauges.relaySlots
    const quiet = await hosts.join('d', c, { ...hidden, relay: { serves: 'yes', reachable: 'yes' } })
    await until('d is there', () => quiet.node.admission.admitted(c.node.identity.peer))
    const inner = c.node.relay
    assert.ok(inner !== undefined)
    const id = (host: Host) => host.node.host.peerId
    assert.equal(await inner.gater.denyOutboundRelayedConnection?.(id(quiet), id(b)), false)
    c.node.admission.cut(quiet.node.identity.peer)
    assert.equal(await inner.gater.denyInboundRelayReservation?.(id(quiet)), true)
    assert.equal(await inner.gater.denyOutboundRelayedConnection?.(id(quiet), id(b)), true)
    assert.equal(await b.node.relay?.gater.denyInboundRelayReservation?.(id(c)), true, 'b serves nobody')
    assert.equal(await b.node.relay?.gater.denyInboundRelayedConnection?.(id(quiet), id(c)), true)
    assert.ok((c.node.status().refused['relay-refused'] ?? 0) >= 2)
    assert.equal(c.node.status().gauges.relaySlots, slots)
  } finally {
    await hosts.end()
  }
})

test('a stranger with the key of the ring gets no slot, and no connection through a relay', async () => {
  const { hosts, b, c } = await three()
  const relay = new Relay({
    ...{ now: Date.now, admitted: () => true, denied: () => false, serves: () => false },
    ...{ count: () => undefined, lost: () => undefined },
  })
  const { meshId, ring } = c.node.identity
  const host = await createMeshHost(
    { key: newSigner(), meshId, listen: [], memory: false, ring: () => ring, relay },
    { score: () => 0, seen: 60_000 },
  )
  try {
    await until('both have a slot', () => (c.node.status().gauges.relaySlots ?? 0) === 2)
    await startHost(host, [])
    const { addresses } = c.node.status()
    await dial(host, c.node.identity.peer, addresses, 5000)
    await assert.rejects(relay.reserve(c.node.identity.peer), /PERMISSION_DENIED/)
    const detour = through(c.node.identity.peer, addresses)
    await assert.rejects(dial(host, b.node.identity.peer, detour, 3000), /PERMISSION_DENIED/)
    assert.equal(c.node.status().refused['relay-refused'], 2)
    assert.equal(c.node.status().gauges.relaySlots, 2)
  } finally {
    await host.stop()
    await hosts.end()
  }
})

test('a host that listens where nobody reaches it notices, and asks for a slot; one that is reached does not', async () => {
  const hosts = fleet('tcp')
  try {
    const c = await hosts.found('c', open)
    const a = await hosts.join('a', c, open)
    await until('a was dialled back and serves', () => a.node.reach.serves)
    assert.equal(a.node.reach.hidden, false)
    assert.equal(c.node.status().gauges.relaySlots, 0)
    // What it tells of itself leads nowhere, as behind a NAT; connections it makes itself work.
    const d = await hosts.join('d', c, { ...open, timing: { reach: 50, reachAgain: 200 } })
    d.node.host.getMultiaddrs = () => [multiaddr(`/ip4/127.0.0.1/tcp/1/p2p/${d.node.identity.peer}`)]
    await until('d has a slot', () => d.node.status().gauges.relays === 2)
    const told = d.node.status().addresses
    assert.ok(told.length > 0 && told.every((address) => address.endsWith('/p2p-circuit')), told.join(' '))
    assert.equal(d.node.reach.serves, false)
    await until('the others know', () =>
      [a, c].every(({ node }) =>
        node.members().some(({ name, addresses }) => name === 'd' && addresses.join() === told.join()),
      ),
    )
  } finally {
    await hosts.end()
  }
})
