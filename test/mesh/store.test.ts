import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KeyValue } from '#store'
import { openStore } from '#store'
import { memoryStore } from '../../src/mesh/memory-store.ts'
import { connected, fleet, keysOf, sleep, until } from './support.ts'

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined }

test('over LevelDB: what stood stands after the store was closed and opened, any text being a key', async () => {
  const hosts = fleet('tcp')
  const folder = hosts.folder('leveldb')
  const options = { now: Date.now, log: quiet as never, mirror: hosts.folder('mirror') }
  let store = await openStore(folder, options)
  try {
    const a = await hosts.found('a')
    const b = await hosts.join('b', a)
    await b.node.stop()
    const first = await hosts.open('b', b.folder, store.keyValue('mesh'))
    await connected([a, first])
    const keys = ['sha256:ab', 'a/b/../c', ' \0!"é\u{1F600}', 'x'.repeat(256)]
    for (const key of keys) await a.node.publish('semaphore', key, { key }, 600_000)
    await until('b has them', () => keysOf(first).length === keys.length)
    await first.node.stop()
    await store.close()
    store = await openStore(folder, options)
    const again = await hosts.open('b', b.folder, store.keyValue('mesh'), { deny: () => true })
    assert.deepEqual(
      again.node
        .records('semaphore')
        .map((record) => record.key)
        .sort(),
      [...keys].sort(),
    )
    assert.equal(again.node.status().refused['kept-damaged'], undefined)
    await again.node.stop()
  } finally {
    await hosts.end()
    await store.close()
  }
})

test('a full disk: records are taken and told all the same, and written once there is room', async () => {
  const hosts = fleet('memory')
  let full = false
  const below = memoryStore()
  const store: KeyValue = {
    ...below,
    batch: (operations, options) =>
      full ? Promise.reject(new Error('ENOSPC')) : below.batch(operations, options),
  }
  const said: string[] = []
  try {
    const a = await hosts.found('a')
    const b = await hosts.join('b', a)
    await b.node.stop()
    const log = { info: () => undefined, warn: (message: string) => void said.push(message) }
    const again = await hosts.open('b', b.folder, store, { log })
    await connected([a, again])
    await sleep(1300)
    full = true
    await a.node.publish('semaphore', 'k', 1, 600_000)
    await until('b has it', () => keysOf(again).length === 1)
    await again.node.publish('semaphore', 'own', 1, 600_000)
    await until('said', () => said.length > 0)
    assert.equal(said.length, 1)
    assert.match(said[0] ?? '', /ENOSPC/)
    full = false
    await again.node.publish('semaphore', 'own', 2, 600_000)
    const kept: string[] = []
    for await (const [key] of store.list({ prefix: 'record/' })) kept.push(key)
    assert.equal(kept.filter((key) => key.includes('/semaphore/')).length, 2)
    assert.ok(await store.get(`window/${a.node.identity.peer}`))
  } finally {
    await hosts.end()
  }
})
