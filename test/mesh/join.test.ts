import assert from 'node:assert/strict'
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { hasMesh, initMesh, joinMesh, MeshError, readIdentity } from '#mesh'
import { newSigner } from '../../src/mesh/identity/keys.ts'
import { decodeToken, encodeToken } from '../../src/mesh/identity/token.ts'
import { memoryStore } from '../../src/mesh/memory-store.ts'
import { connected, type Fleet, fleet, type Host, until } from './support.ts'

async function withFounder(work: (hosts: Fleet, a: Host) => Promise<void>, way: 'tcp' | 'memory' = 'tcp') {
  const hosts = fleet(way)
  try {
    await work(hosts, await hosts.found('a'))
  } finally {
    await hosts.end()
  }
}

/** A join that must fail: its error, after checking that nothing was left behind. */
async function refusal(hosts: Fleet, token: string, name: string, now = Date.now()): Promise<MeshError> {
  const folder = hosts.folder(name)
  const error = await joinMesh({ folder, token, name, now }).then(
    () => assert.fail('the join succeeded'),
    (reason) => reason,
  )
  assert.ok(error instanceof MeshError, String(error))
  assert.equal(hasMesh(folder), false)
  assert.doesNotMatch(error.message, /\n/)
  return error
}

test('files are 0600, root and issuer are two keys, a second mesh in the same folder is refused', async () => {
  const hosts = fleet('tcp')
  const folder = hosts.folder('a')
  assert.equal(hasMesh(folder), false)
  assert.throws(() => readIdentity(folder), { code: 'no-mesh' })
  const made = await initMesh({ folder, name: 'a', now: Date.now() })
  assert.match(made.id, /^[0-9a-f]{32}$/)
  const names = readdirSync(folder)
  for (const name of names) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name)
  assert.ok(names.includes('root.key') && names.includes('issuer.key'))
  const identity = readIdentity(folder)
  assert.equal(identity.peer, made.peer)
  assert.equal(identity.certificate.role, 'admin')
  assert.notDeepEqual(identity.issuer?.signer.publicKey, identity.root)
  assert.deepEqual(identity.admin.head().seq, 3)
  await assert.rejects(initMesh({ folder, name: 'b', now: Date.now() }), { code: 'already', exit: 2 })
  await assert.rejects(initMesh({ folder: hosts.folder('b'), name: 'no spaces', now: 0 }), {
    code: 'bad-name',
  })
  await hosts.end()
})

test('an invite lets one host in: the second is told that it was used', () =>
  withFounder(async (hosts, a) => {
    const { token, expires } = await a.node.invite({})
    assert.ok(token.length < 300 && !/\s/.test(token), token)
    assert.ok(Math.abs(expires - Date.now() - 3_600_000) < 5000)
    const joined = await joinMesh({ folder: hosts.folder('b'), token, name: 'b', now: Date.now() })
    assert.equal(joined.members, 2)
    assert.equal(joined.id, a.node.identity.id)
    assert.equal(a.node.members().find((member) => member.name === 'b')?.peer, joined.peer)
    const error = await refusal(hosts, token, 'c')
    assert.deepEqual([error.code, error.exit], ['used', 11])
  }))

test('tags of an invite are in the certificate of the host that joins, and what is no tag is refused', () =>
  withFounder(async (hosts, a) => {
    const { token } = await a.node.invite({ tags: ['web', 'owner_shop', 'web'] })
    const joined = await joinMesh({ folder: hosts.folder('b'), token, name: 'b', now: Date.now() })
    assert.deepEqual(readIdentity(hosts.folder('b')).certificate.tags, ['web', 'owner_shop'])
    assert.deepEqual(a.node.members().find(({ peer }) => peer === joined.peer)?.tags, ['web', 'owner_shop'])
    assert.deepEqual(a.node.status().tags, [])
    for (const tags of [
      ['no-dash'],
      [''],
      ['x'.repeat(65)],
      ['web', 'two words'],
      Array.from({ length: 17 }, (_, n) => `t${n}`),
    ])
      await assert.rejects(a.node.invite({ tags }), (error: MeshError) => {
        assert.equal(error.code, 'bad-name')
        assert.match(error.message, /^[^\n]*--tag$/)
        return true
      })
  }))

test('two joins with one invite at once: one gets in', () =>
  withFounder(async (hosts, a) => {
    const { token } = await a.node.invite({})
    const results = await Promise.allSettled(
      ['b', 'c', 'd'].map((name) => joinMesh({ folder: hosts.folder(name), token, name, now: Date.now() })),
    )
    assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1)
    for (const result of results) if (result.status === 'rejected') assert.equal(result.reason.code, 'used')
  }))

test('expired, by both clocks', () =>
  withFounder(async (hosts, a) => {
    const { token } = await a.node.invite({ ttlMs: 1 })
    const error = await refusal(hosts, token, 'b', Date.now() + 50)
    assert.deepEqual([error.code, error.exit], ['expired', 10])
  }))

test('a clock that is off is named as such, in both directions, by how much', () =>
  withFounder(async (hosts, a) => {
    const { token } = await a.node.invite({})
    const ahead = await refusal(hosts, token, 'b', Date.now() + 3 * 3_600_000)
    assert.deepEqual([ahead.code, ahead.exit], ['clock', 14])
    assert.match(ahead.message, /3 h ahead/)
    const behind = await refusal(hosts, token, 'b', Date.now() - 10 * 60_000)
    assert.match(behind.message, /10 min behind/)
    // The invite was not spent by that.
    await joinMesh({ folder: hosts.folder('b'), token, name: 'b', now: Date.now() })
  }))

test('a token of another mesh at the same address, and a stranger who answers there, are the wrong mesh', () =>
  withFounder(async (hosts, a) => {
    const { token } = await a.node.invite({})
    const parts = decodeToken(token)
    const other = encodeToken({ ...parts, root: newSigner().publicKey })
    const error = await refusal(hosts, other, 'b')
    assert.deepEqual([error.code, error.exit], ['wrong-mesh', 12])
    const secret = encodeToken({ ...parts, secret: new Uint8Array(32) })
    assert.equal((await refusal(hosts, secret, 'b')).code, 'wrong-mesh')
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const stranger = encodeToken({ ...parts, addresses: [`/ip4/127.0.0.1/tcp/${port}`] })
    assert.equal((await refusal(hosts, stranger, 'b')).code, 'wrong-mesh')
    server.close()
  }))

test('nobody there: unreachable, said in seconds', () =>
  withFounder(async (hosts, a) => {
    const { token } = await a.node.invite({})
    await a.node.stop()
    const began = performance.now()
    const error = await refusal(hosts, token, 'b')
    assert.deepEqual([error.code, error.exit], ['unreachable', 13])
    assert.match(error.message, /127\.0\.0\.1/)
    assert.ok(performance.now() - began < 5000)
  }))

test('a token that was cut, changed or is of a later version; a folder that holds a mesh', () =>
  withFounder(async (hosts, a) => {
    const { token } = await a.node.invite({})
    for (const bad of [
      '',
      'lymph1:',
      token.slice(0, -3),
      token.replace(/.$/, '~'),
      `x${token}`,
      token.replace('1', '2'),
    ]) {
      const error = await refusal(hosts, bad, 'b')
      assert.deepEqual([error.code, error.exit], ['bad-token', 2], bad)
    }
    assert.match((await refusal(hosts, token.replace('lymph1', 'lymph2'), 'b')).message, /version 2/)
    const again = joinMesh({ folder: a.folder, token, name: 'a', now: Date.now() })
    await assert.rejects(again, { code: 'already', exit: 2 })
  }))

test('a name in the invite is the name; a name that is taken gets a number; a member cannot invite', () =>
  withFounder(async (hosts, a) => {
    const { token } = await a.node.invite({ name: 'web-7' })
    const folder = hosts.folder('b')
    const joined = await joinMesh({ folder, token, name: 'whatever', now: Date.now() })
    assert.equal(joined.name, 'web-7')
    const b = await hosts.open('b', folder, memoryStore())
    await assert.rejects(b.node.invite({}), { code: 'no-issuer' })
    const second = await a.node.invite({})
    const c = await joinMesh({
      folder: hosts.folder('c'),
      token: second.token,
      name: 'web-7',
      now: Date.now(),
    })
    assert.equal(c.name, 'web-7-2')
  }))

test('a join that died before its last file is no mesh, and can be done again; one that is whole is read', () =>
  withFounder(async (hosts, a) => {
    const { token } = await a.node.invite({})
    const folder = hosts.folder('b')
    await joinMesh({ folder, token, name: 'b', now: Date.now() })
    const { peer } = readIdentity(folder)
    rmSync(join(folder, 'mesh.cbor'))
    assert.equal(hasMesh(folder), false)
    const second = await a.node.invite({})
    const joined = await joinMesh({ folder, token: second.token, name: 'b', now: Date.now() })
    assert.notEqual(joined.peer, peer)
    assert.equal(readIdentity(folder).peer, joined.peer)
    writeFileSync(join(folder, 'node.key'), 'not a key')
    assert.throws(() => readIdentity(folder), { code: 'damaged' })
  }))

test('an invite survives a restart of the host that made it: same secret, same port', () =>
  withFounder(async (hosts, a) => {
    const { token } = await a.node.invite({})
    const used = await a.node.invite({})
    await joinMesh({ folder: hosts.folder('x'), token: used.token, name: 'x', now: Date.now() })
    await a.node.stop()
    const again = await hosts.open('a', a.folder, a.store)
    const b = await joinMesh({ folder: hosts.folder('b'), token, name: 'b', now: Date.now() })
    assert.equal(b.id, again.node.identity.id)
    assert.equal((await refusal(hosts, used.token, 'c')).code, 'used')
  }))

test('a port that is taken is one sentence', () =>
  withFounder(async (hosts, a) => {
    const [address] = a.node.status().addresses as [string]
    await a.node.invite({})
    const folder = hosts.folder('b')
    await initMesh({ folder, name: 'b', now: Date.now() })
    await assert.rejects(
      hosts.open('b', folder, memoryStore(), { listen: [address] }),
      (error: MeshError) => {
        assert.equal(error.code, 'port-in-use')
        assert.match(error.message, new RegExp(`cannot listen on ${address}: .*--listen`))
        return true
      },
    )
    const nonsense = hosts.open('b', folder, memoryStore(), { listen: ['tcp:7946'] })
    await assert.rejects(nonsense, { code: 'bad-address' })
  }))

test('invite and join over memory transport; leaving is told, and frees the folder', () =>
  withFounder(async (hosts, a) => {
    const b = await hosts.join('b', a)
    await connected([a, b])
    await b.node.publish('semaphore', 'mine', 1, 60_000)
    await until('a has it', () => a.node.records('semaphore').length === 1)
    await b.node.leave()
    const member = () => a.node.members().find(({ name }) => name === 'b')
    await until('a knows', () => member()?.state === 'left')
    assert.deepEqual(a.node.records('semaphore'), [])
    assert.equal(hasMesh(b.folder), false)
    const { token } = await a.node.invite({})
    await joinMesh({ folder: b.folder, token, name: 'b', now: Date.now() })
  }, 'memory'))
