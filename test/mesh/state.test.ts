import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readIdentity } from '#mesh'
import { writeAdminLog } from '../../src/mesh/identity/identity.ts'
import { connected, fleet, type Host, keysOf, sleep, until } from './support.ts'

const standing = (host: Host) =>
  host.node
    .records()
    .map((record) => `${record.peer}/${record.kind}/${record.key}/${record.epoch}.${record.sequence}`)
    .sort()
const equal = (hosts: Host[]) => () =>
  hosts.every((host) => JSON.stringify(standing(host)) === JSON.stringify(standing(hosts[0] as Host)))

test('a joiner gets what stands, what was cleared or has run out it does not', async () => {
  const hosts = fleet('tcp')
  try {
    const a = await hosts.found('a')
    const b = await hosts.join('b', a)
    await connected([a, b])
    for (let i = 0; i < 300; i++) await a.node.publish('semaphore', `s${i}`, { i }, 600_000)
    for (let i = 0; i < 10; i++) await b.node.publish('digest', `d${i}`, Buffer.alloc(900), 600_000)
    for (let i = 0; i < 100; i++) await a.node.clear('semaphore', `s${i}`)
    for (let i = 100; i < 200; i++) await a.node.publish('semaphore', `s${i}`, { i, again: true }, 600_000)
    await a.node.publish('semaphore', 'short', null, 300)
    await sleep(400)
    const c = await hosts.join('c', a)
    const took = await until('c has all', equal([a, c]), 4000)
    assert.equal(c.node.records('semaphore').length, 200)
    assert.equal(c.node.records('digest').length, 10)
    assert.ok(took < 4000)
    assert.deepEqual(
      c.events.filter((e) => e.type === 'record' && e.change !== 'raised' && e.record.kind !== 'alive'),
      [],
    )
    // b got by sync what gossip's rate let wait.
    await until('b too', equal([a, b, c]), 6000)
  } finally {
    await hosts.end()
  }
})

test('a healed partition ends equal within 5 s, nothing lost, nothing twice', async () => {
  const hosts = fleet('tcp')
  try {
    let parted = false
    const side = new Map<string, number>()
    const deny = (own: () => string) => (peer: string) => parted && side.get(peer) !== side.get(own())
    const all: Host[] = []
    const option = (i: number) => ({ deny: deny(() => all[i]?.node.identity.peer ?? '') })
    all.push(await hosts.found('a', option(0)))
    for (const [i, name] of ['b', 'c', 'd'].entries())
      all.push(await hosts.join(name, all[0] as Host, option(i + 1)))
    await connected(all)
    for (const [i, host] of all.entries()) side.set(host.node.identity.peer, i % 2)
    parted = true
    for (const host of all)
      for (const other of all)
        if (side.get(host.node.identity.peer) !== side.get(other.node.identity.peer))
          host.node.admission.cut(other.node.identity.peer)
    await until('parted', () => all.every((host) => host.node.status().connected === 1))
    for (const host of all) {
      for (let i = 0; i < 20; i++) await host.node.publish('semaphore', `k${i}`, host.name, 600_000)
      await host.node.clear('semaphore', 'k0')
    }
    await sleep(1500)
    assert.equal(keysOf(all[0] as Host).length, 2 * 19)
    parted = false
    const took = await until(
      'healed',
      () => all.every((host) => keysOf(host).length === 4 * 19) && equal(all)(),
      5000,
    )
    assert.ok(took < 5000)
    for (const host of all) {
      const raised = host.events.flatMap((e) =>
        e.type === 'record' && e.change === 'raised'
          ? [`${e.record.peer}${e.record.kind}${e.record.key}`]
          : [],
      )
      assert.equal(new Set(raised).size, raised.length, 'raised twice')
    }
  } finally {
    await hosts.end()
  }
})

test('a restart keeps identity and state, and begins a new epoch', async () => {
  const hosts = fleet('tcp')
  try {
    const a = await hosts.found('a')
    const b = await hosts.join('b', a)
    await connected([a, b])
    const first = await b.node.publish('semaphore', 'mine', 1, 600_000)
    await a.node.publish('semaphore', 'theirs', 2, 600_000)
    await until('b has it', () => keysOf(b).length === 2)
    const before = b.node.identity
    await b.node.stop()
    await assert.rejects(b.node.publish('semaphore', 'late', 1, 1000), { code: 'stopped' })
    await until('a sees b go', () => a.node.status().connected === 0)
    const again = await hosts.open('b', b.folder, b.store)
    assert.deepEqual(keysOf(again), ['a/theirs', 'b/mine'])
    assert.equal(again.node.identity.peer, before.peer)
    assert.equal(again.node.members().length, 2)
    const second = await again.node.publish('semaphore', 'mine', 3, 600_000)
    assert.ok(second.epoch > first.epoch)
    assert.equal(second.operation, 'refresh')
    await until(
      'a has the second',
      () => a.node.records('semaphore').some((r) => r.key === 'mine' && r.body === 3),
      5000,
    )
    assert.equal(keysOf(a).length, 2)
  } finally {
    await hosts.end()
  }
})

test('a store that was lost costs nothing: what this host had said comes back from the others', async () => {
  const hosts = fleet('tcp')
  try {
    const a = await hosts.found('a')
    const b = await hosts.join('b', a)
    await connected([a, b])
    await b.node.publish('semaphore', 'mine', 1, 600_000)
    await until('a has it', () => keysOf(a).length === 1)
    await b.node.stop()
    const { memoryStore } = await import('../../src/mesh/memory-store.ts')
    const again = await hosts.open('b', b.folder, memoryStore())
    await until('it is back', () => keysOf(again).includes('b/mine'), 5000)
    await again.node.clear('semaphore', 'mine')
    await until('cleared everywhere', () => keysOf(a).length === 0, 5000)
  } finally {
    await hosts.end()
  }
})

test('a member that is not heard turns silent, and alive when it is back', async () => {
  const hosts = fleet('memory')
  try {
    const timing = { alive: 500, silent: 1250 }
    const a = await hosts.found('a', { timing })
    const b = await hosts.join('b', a, { timing })
    await connected([a, b])
    const state = () => a.node.members().find(({ name }) => name === 'b')?.state
    const told = () => a.events.flatMap((e) => (e.type === 'member' ? [e.change] : []))
    const last = () => told().at(-1)
    await sleep(2000)
    assert.equal(state(), 'alive')
    await b.node.stop()
    await until('silent', () => last() === 'silent', 4000)
    assert.equal(state(), 'silent')
    await hosts.open('b', b.folder, b.store, { timing })
    await until('alive', () => last() === 'alive', 5000)
    assert.deepEqual(told(), ['joined', 'alive', 'silent', 'alive'])
  } finally {
    await hosts.end()
  }
})

test('a revocation in the admin log cuts the revoked host off, and travels in the hello', async () => {
  const hosts = fleet('tcp')
  try {
    const a = await hosts.found('a')
    const b = await hosts.join('b', a)
    const c = await hosts.join('c', a)
    await connected([a, b, c])
    await c.node.publish('semaphore', 'before', 1, 600_000)
    await until('a has it', () => keysOf(a).includes('c/before'))
    await a.node.stop()
    const identity = readIdentity(a.folder)
    const { admin, issuer } = identity
    const revoke = { op: 'revoke' as const, peer: c.node.identity.peer, serial: '', reason: 'stolen' }
    admin.append(admin.make(revoke, issuer?.signer as never, Date.now()))
    writeAdminLog(identity)
    const again = await hosts.open('a', a.folder, a.store)
    // c and b are still connected to one another; b learns from a and cuts.
    await until(
      'b has cut c',
      () => b.node.status().connected === 1 && again.node.status().connected === 1,
      5000,
    )
    await sleep(1000)
    assert.equal(c.node.status().connected, 0)
    assert.equal(b.node.members().find(({ name }) => name === 'c')?.state, 'revoked')
    assert.deepEqual(b.node.identity.admin.head(), again.node.identity.admin.head())
    await c.node.publish('semaphore', 'after', 1, 600_000)
    await again.node.publish('semaphore', 'secret', 1, 600_000)
    await until('b has it', () => keysOf(b).includes('a/secret'))
    assert.ok(!keysOf(c).includes('a/secret') && !keysOf(b).includes('c/after'))
    assert.ok(b.events.some((e) => e.type === 'member' && e.change === 'revoked'))
    assert.equal(readIdentity(b.folder).admin.revoked(c.node.identity.peer, ''), true)
  } finally {
    await hosts.end()
  }
})
