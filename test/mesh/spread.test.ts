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
      assert.equal(there?.key, 'sha256:ab')
      assert.deepEqual(there?.envelope, record.envelope)
      assert.deepEqual(keysOf(b), ['a/sha256:ab'])
    } finally {
      await hosts.end()
    }
  })
}
