import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { test } from 'node:test'
import { peerIdFromString } from '@libp2p/peer-id'
import { Manners } from '../../src/mesh/admission/manners.ts'
import { Quota } from '../../src/mesh/admission/quota.ts'
import { handshakes, limits, misdeeds, protocols, questions, rates, topic } from '../../src/mesh/limits.ts'
import { encode } from '../../src/mesh/records/codec.ts'
import { makeEnvelope } from '../../src/mesh/records/envelope.ts'
import { connected, fleet, keysOf, sleep, until } from './support.ts'

test('a quota: so many at once, so many a minute, whatever the clock does; names beyond the cap push the oldest out', () => {
  const quota = new Quota({ perMinute: 60, burst: 3, names: 2 })
  assert.deepEqual(
    [1, 2, 3, 4].map(() => quota.take('a', 1000)),
    [true, true, true, false],
  )
  assert.equal(quota.take('a', 500), false, 'a clock set back gives nothing')
  assert.equal(quota.take('a', 2000), true)
  assert.equal(quota.take('a', 2000), false)
  quota.give('a', 2000)
  assert.equal(quota.take('a', 2000), true)
  assert.equal(quota.take('a', 10_000_000, 3), true)
  quota.take('b', 0)
  quota.take('c', 0)
  assert.equal(quota.size, 2)
})

test('manners: who is refused too often is kept out, twice as long the second time, and forgiven after an hour of peace', () => {
  const manners = new Manners()
  const untilBanned = (now: number) => {
    let n = 1
    while (!manners.refused('p', 'rate', now)) n++
    return n
  }
  assert.equal(untilBanned(0), misdeeds.burst + 1)
  assert.equal(manners.banned('p', misdeeds.firstBan - 1), true)
  assert.equal(manners.banned('p', misdeeds.firstBan), false)
  untilBanned(misdeeds.firstBan)
  assert.equal(manners.banned('p', misdeeds.firstBan * 3 - 1), true)
  assert.equal(manners.count(misdeeds.firstBan * 3), 0)
  const later = misdeeds.firstBan * 3 + misdeeds.forgottenAfter + 1
  untilBanned(later)
  assert.equal(manners.banned('p', later + misdeeds.firstBan), false)
  for (let i = 0; i < 10_000; i++)
    assert.equal(manners.refused('q', 'duplicate', 0), false, 'lag costs nothing')
})

test('an address that connects and connects without a key is turned away at the door; members from it get through again', async () => {
  const hosts = fleet('tcp')
  const clock = { ahead: 0 }
  try {
    const a = await hosts.found('a', { now: () => Date.now() + clock.ahead })
    const b = await hosts.join('b', a)
    await connected([a, b])
    const [, , host, , port] = (a.node.status().addresses[0] as string).split('/') as string[]
    const knock = () =>
      new Promise<void>((resolve) => {
        const socket = connect(Number(port), host, () => socket.write(randomBytes(64)))
        socket.on('error', () => undefined).on('close', () => resolve())
        socket.resume()
      })
    const throttled = () => a.node.status().refused.throttled ?? 0
    // Not more than 50 a second, which libp2p itself would turn away.
    for (let i = 0; i < 60 && throttled() === 0; i++)
      await Promise.all([...Array.from({ length: 5 }, knock), sleep(120)])
    assert.ok(throttled() > 0)
    assert.equal(a.node.status().gauges.addressesTrying, 1)
    assert.equal(a.node.status().connected, 1, 'who is in stays in')
    clock.ahead += 5 * (60_000 / handshakes.perMinute)
    a.node.admission.cut(b.node.identity.peer)
    await connected([a, b])
  } finally {
    await hosts.end()
  }
})

test('a flooder is cut off and kept out; the others do not hear its flood, and go on', async () => {
  const hosts = fleet('memory')
  const said: string[] = []
  try {
    const log = { info: () => undefined, warn: (message: string) => void said.push(message) }
    const a = await hosts.found('a', { log })
    const b = await hosts.join('b', a)
    const c = await hosts.join('c', a)
    await connected([a, b, c])
    await sleep(1300)
    const { meshId, peer, node } = c.node.identity
    const now = Date.now()
    const about = {
      meshId,
      author: peer,
      epoch: now + 1,
      ts: now,
      expires: now + 60_000,
      op: 'raise' as const,
      body: null,
    }
    let sent = 0
    const began = performance.now()
    const flood = async () => {
      for (let i = 0; i < 25; i++) {
        const { envelope } = makeEnvelope(
          { ...about, kind: 'semaphore', key: `f${sent % 50}`, seq: ++sent },
          node,
        )
        await c.node.host.services.pubsub.publish(topic, envelope).catch(() => undefined)
      }
      await sleep(5)
    }
    const out = (of: typeof a) => (of.node.status().gauges.banned ?? 0) > 0
    while (sent < 3000 && !(out(a) && out(b))) await flood()
    assert.ok(out(a) && out(b))
    assert.equal(a.node.admission.admitted(peer), false)
    assert.ok(said.some((line) => /^c \(.*\) keeps sending what is refused \(last: rate\)/.test(line)))
    // On a busy machine the flood takes its time, and the bucket fills meanwhile.
    const { burst, perMinute } = rates.semaphore
    const most = burst + Math.ceil(((performance.now() - began) / 60_000) * perMinute)
    assert.ok(keysOf(a).length <= most, `${keysOf(a).length} of ${most}`)
    await sleep(300)
    assert.equal(c.node.status().connected, 0, 'and it does not come back at once')
    await b.node.publish('semaphore', 'calm', 1, 60_000)
    await until('a hears b', () => keysOf(a).includes('b/calm'))
  } finally {
    await hosts.end()
  }
})

test('a member that asks and asks is answered so often and no more; a stream of gossip that died is noticed and made anew', async () => {
  const hosts = fleet('memory')
  const clock = { ahead: 0 }
  try {
    const a = await hosts.found('a', { now: () => Date.now() + clock.ahead })
    const b = await hosts.join('b', a)
    await connected([a, b])
    a.node.serve('echo', async (request) => request, { requestBytes: 10, answerBytes: 10 })
    const ask = () =>
      b.node.request(a.node.identity.peer, 'echo', new Uint8Array(1), { answerBytes: 10, timeoutMs: 1000 })
    let answered = 0
    const began = performance.now()
    while (answered < 2 * questions.burst)
      try {
        await ask()
        answered++
      } catch {
        break
      }
    const most = questions.burst + 30 + ((performance.now() - began) / 60_000) * questions.perMinute
    assert.ok(answered > questions.burst / 2 && answered < most, `${answered} of ${most}`)
    clock.ahead += 60_000
    await ask()

    const pubsub = a.node.host.services.pubsub as unknown as { streamsInbound: Map<string, unknown> }
    pubsub.streamsInbound.delete(b.node.identity.peer)
    await until('seen', () => a.node.status().gauges.deaf === 1)
    clock.ahead += 11_000
    await until('closed', () => a.node.status().refused.deaf === 1)
    await connected([a, b])
    await until('there again', () => pubsub.streamsInbound.has(b.node.identity.peer))
  } finally {
    await hosts.end()
  }
})

test('pending peers are capped, and every gauge stays under its bound', async () => {
  const hosts = fleet('memory')
  try {
    const a = await hosts.found('a', { timing: { hello: 60_000 } })
    const { createMeshHost } = await import('../../src/mesh/transport/host.ts')
    const { newSigner } = await import('../../src/mesh/identity/keys.ts')
    const { multiaddr } = await import('@multiformats/multiaddr')
    const { ring, meshId, peer } = a.node.identity
    const strangers = []
    for (let i = 0; i < limits.pendingPeers + 6; i++) {
      const options = { key: newSigner(), meshId, listen: [], memory: true, ring: () => ring }
      const host = await createMeshHost(options, { score: () => 0, seen: 1000 })
      await host.start()
      strangers.push(host)
      const to = multiaddr(`${a.node.status().addresses[0]}/p2p/${peerIdFromString(peer)}`)
      await host.dial(to, { signal: AbortSignal.timeout(2000) }).catch(() => undefined)
    }
    assert.equal(a.node.status().gauges.pendingPeers, limits.pendingPeers)
    assert.ok((a.node.status().refused['pending-full'] ?? 0) >= 6)
    await until('those over it are closed', () => a.node.host.getConnections().length <= limits.pendingPeers)
    assert.ok(a.node.status().gauges.streamsInbound !== undefined)
    await Promise.all(strangers.map((host) => host.stop()))
    await until('none is left', () => a.node.status().gauges.pendingPeers === 0)
    assert.ok(encode(protocols.hello).length > 0)
  } finally {
    await hosts.end()
  }
})
