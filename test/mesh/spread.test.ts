import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connected, fleet, keysOf, sleep, until, type Way } from './support.ts'

for (const way of ['tcp', 'memory'] as Way[]) {
  test(`${way}: found, invite, join; a semaphore reaches the other within 500 ms and names what was said`, async () => {
    const hosts = fleet(way)
    try {
      const a = await hosts.found('a')
      const b = await hosts.join('b', a)
      await connected([a, b])
      await sleep(1300)
      const body = { binary: '/usr/bin/less', pairs: [['open', 'execve', 1]], maxLfc: 12 }
      const began = performance.now()
      const record = await a.node.publish('semaphore', 'sha256:ab', body, 60_000)
      await until('b has it', () => b.node.records('semaphore').length === 1, 500)
      assert.ok(performance.now() - began < 500)
      const [there] = b.node.records('semaphore')
      assert.deepEqual(there?.body, body)
      assert.equal(there?.name, 'a')
      assert.equal(there?.peer, a.node.status().peer)
      assert.deepEqual(there?.envelope, record.envelope)
      assert.deepEqual(keysOf(b), ['a/sha256:ab'])
      assert.equal(b.node.verify(record.envelope).key, 'sha256:ab')
      const told = b.events.filter((event) => event.type === 'record' && event.record.kind === 'semaphore')
      assert.deepEqual(
        told.map((event) => event.change),
        ['raised'],
      )
    } finally {
      await hosts.end()
    }
  })
}

test('a semaphore published the moment a member is admitted is not lost to the second when gossip still doubts it', async () => {
  const hosts = fleet('memory')
  try {
    const a = await hosts.found('a')
    const b = await hosts.join('b', a)
    await connected([a, b])
    await a.node.publish('semaphore', 'early', null, 60_000)
    await until('b has it', () => b.node.records('semaphore').length === 1, 4000)
  } finally {
    await hosts.end()
  }
})

test('a third host two hops away gets it, from a member it is not connected to', async () => {
  const hosts = fleet('tcp')
  try {
    const peers = { a: '', c: '' }
    const a = await hosts.found('a', { deny: (peer) => peer === peers.c })
    const b = await hosts.join('b', a)
    peers.a = a.node.identity.peer
    await until('a knows where b is', () => a.node.members().every((member) => member.addresses.length > 0))
    // c must enrol with a, so the two are parted only once c has its certificate.
    const c = await hosts.join('c', a, { deny: (peer) => peer === peers.a })
    peers.c = c.node.identity.peer
    a.node.admission.cut(peers.c)
    await until('b sees both', () => b.node.status().connected === 2)
    await sleep(2500)
    assert.equal(a.node.status().connected, 1)
    assert.equal(c.node.status().connected, 1)
    await a.node.publish('semaphore', 'far', { n: 1 }, 60_000)
    await until('c has it', () => keysOf(c).includes('a/far'), 1500)
    await c.node.publish('semaphore', 'back', { n: 2 }, 60_000)
    await until('a has it', () => keysOf(a).includes('c/back'), 1500)
  } finally {
    await hosts.end()
  }
})

test('refresh and clear reach the others; what was raised runs out when its host stops refreshing it', async () => {
  const hosts = fleet('memory')
  try {
    const a = await hosts.found('a')
    const b = await hosts.join('b', a)
    await connected([a, b])
    await sleep(1300)
    const told = () =>
      b.events.flatMap((e) =>
        e.type === 'record' && e.record.kind === 'semaphore' ? [`${e.change} ${e.record.key}`] : [],
      )
    await a.node.publish('semaphore', 'kept', 1, 60_000)
    await a.node.publish('semaphore', 'short', 1, 700)
    await a.node.publish('semaphore', 'kept', 2, 60_000)
    await until('b has both', () => told().length === 3)
    assert.equal(b.node.records('semaphore').find((r) => r.key === 'kept')?.body, 2)
    await until('short is gone', () => told().at(-1) === 'expired short', 2000)
    assert.deepEqual(keysOf(a), ['a/kept'])
    await a.node.clear('semaphore', 'kept')
    await a.node.clear('semaphore', 'never raised')
    await until('kept is gone', () => keysOf(b).length === 0)
    await until('told', () => told().length === 5)
    assert.deepEqual(told(), [
      'raised kept',
      'raised short',
      'refreshed kept',
      'expired short',
      'cleared kept',
    ])
    await a.node.publish('semaphore', 'kept', 3, 60_000)
    await until('raised again', () => told().at(-1) === 'raised kept')
  } finally {
    await hosts.end()
  }
})

test('a member answers questions of members, within limits, and a failing handler tells nothing', async () => {
  const hosts = fleet('tcp')
  try {
    const a = await hosts.found('a')
    const b = await hosts.join('b', a)
    await connected([a, b])
    b.node.serve(
      'echo',
      async (request, from) => Buffer.concat([request, Buffer.from(` from ${from.name}`)]),
      {
        requestBytes: 100,
        answerBytes: 200,
      },
    )
    b.node.serve('broken', () => Promise.reject(new Error('a secret')), { requestBytes: 10, answerBytes: 10 })
    const bounds = { answerBytes: 200, timeoutMs: 2000 }
    const to = b.node.identity.peer
    const answer = await a.node.request(to, 'echo', Buffer.from('hello'), bounds)
    assert.equal(Buffer.from(answer).toString(), 'hello from a')
    const failed = (error: { code?: string; message?: string }) => {
      assert.equal(error.code, 'request-failed')
      assert.doesNotMatch(error.message ?? '', /secret/)
      return true
    }
    await assert.rejects(a.node.request(to, 'broken', Buffer.from('x'), bounds), failed)
    await assert.rejects(a.node.request(to, 'echo', Buffer.alloc(101), bounds), failed)
    await assert.rejects(a.node.request(to, 'echo', Buffer.from('x'), { ...bounds, answerBytes: 3 }), failed)
    const nobody = { code: 'not-connected' }
    await assert.rejects(a.node.request(a.node.identity.peer, 'echo', Buffer.from('x'), bounds), nobody)
  } finally {
    await hosts.end()
  }
})

test('two hosts that nobody can dial hear one another through a third that they dial', async () => {
  const hosts = fleet('tcp')
  try {
    const a = await hosts.found('a')
    const hidden = { listen: [] }
    const b = await hosts.join('b', a, hidden)
    const c = await hosts.join('c', a, hidden)
    await until('both are at a', () => a.node.status().connected === 2)
    await sleep(1300)
    assert.deepEqual([b.node.status().connected, c.node.status().connected], [1, 1])
    await b.node.publish('semaphore', 'hidden', 1, 60_000)
    await until('c has it', () => keysOf(c).includes('b/hidden'))
    await c.node.clear('semaphore', 'never')
    await c.node.publish('digest', 'd', { n: 1 }, 60_000)
    await until('b has it', () =>
      b.node.records('digest').some(({ name, key }) => name === 'c' && key === 'd'),
    )
    for (const [one, other] of [
      [b, 'c'],
      [c, 'b'],
    ] as const)
      assert.equal(one.node.members().find(({ name }) => name === other)?.state, 'alive')
  } finally {
    await hosts.end()
  }
})
