import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hasMesh, joinMesh, type MeshError, readIdentity } from '#mesh'
import { AdminLog } from '../../src/mesh/administration/adminlog.ts'
import { openRootKey } from '../../src/mesh/identity/rootkey.ts'
import { limits } from '../../src/mesh/limits.ts'
import { memoryStore } from '../../src/mesh/memory-store.ts'
import { connected, type Fleet, fleet, type Host, keysOf, sleep, until } from './support.ts'

const day = 86_400_000
const operator = (host: Host) => host.node.operator
const state = (of: Host, name: string) => of.node.members().find((member) => member.name === name)?.state

async function withHosts(
  names: string[],
  work: (hosts: Fleet, all: Host[], clock: { ahead: number }) => Promise<void>,
): Promise<void> {
  const hosts = fleet('tcp')
  const clock = { ahead: 0 }
  const now = () => Date.now() + clock.ahead
  try {
    const all = [await hosts.found(names[0] as string, { now })]
    for (const name of names.slice(1)) all.push(await hosts.join(name, all[0] as Host, { now }))
    await connected(all)
    await work(hosts, all, clock)
  } finally {
    await hosts.end()
  }
}

test('a revoked host that is connected is cut off within 5 s; who acknowledged is told, who is away is named', () =>
  withHosts(['a', 'b', 'c', 'd'], async (hosts, all) => {
    const [a, b, c, d] = all as [Host, Host, Host, Host]
    await c.node.publish('semaphore', 'before', 1, 600_000)
    await until('b has it', () => keysOf(b).includes('c/before'))
    await d.node.stop()
    const began = performance.now()
    const done = await operator(a).revoke('c', 'stolen')
    assert.ok(performance.now() - began < 5500)
    assert.equal(done.name, 'c')
    assert.deepEqual([done.acknowledged, done.missing], [['b'], ['d']])
    assert.equal(c.node.status().connected, 0)
    for (const one of [a, b]) {
      assert.equal(state(one, 'c'), 'revoked')
      assert.deepEqual(keysOf(one), [], 'what it said does not count any more')
      assert.ok(
        one.node.host
          .getConnections()
          .every(({ remotePeer }) => remotePeer.toString() !== c.node.identity.peer),
      )
    }
    await sleep(1500)
    assert.equal(c.node.status().connected, 0, 'and it does not come back')
    // d was away: it hears of it in its first hello, and c finds no way in through it.
    const again = await hosts.open('d', d.folder, d.store)
    await until('d knows', () => state(again, 'c') === 'revoked', 5000)
    await sleep(700)
    assert.equal(c.node.status().connected, 0)
    await assert.rejects(operator(a).revoke('nobody', ''), { code: 'no-member', exit: 2 })
    await assert.rejects(operator(a).revoke('a', ''), { code: 'no-member' })
    await assert.rejects(operator(b).revoke('d', ''), { code: 'no-issuer' })
  }))

test('a key is installed, used and removed without a moment of silence; a stranger with the old one gets nowhere', () =>
  withHosts(['a', 'b', 'c'], async (_hosts, all) => {
    const [a, b, c] = all as [Host, Host, Host]
    const [old] = operator(a).keys()
    assert.ok(old)
    const { id, acknowledged, missing } = await operator(a).installKey()
    assert.deepEqual([acknowledged, missing], [['b', 'c'], []])
    assert.deepEqual(
      operator(b)
        .keys()
        .map((key) => [key.id, key.state]),
      [
        [old.id, 'used'],
        [id, 'installed'],
      ],
    )
    await assert.rejects(operator(a).removeKey(old.id), { code: 'bad-log' })
    assert.deepEqual((await operator(a).useKey(id)).missing, [])
    assert.equal(readIdentity(b.folder).ring.length, 2)
    // A new connection is made with the new key.
    b.node.admission.cut(c.node.identity.peer)
    await connected(all)
    assert.deepEqual((await operator(a).removeKey(old.id, true)).missing, [])
    for (const one of all) await until('the old key is gone', () => one.node.identity.ring.length === 1)
    b.node.admission.cut(c.node.identity.peer)
    await connected(all)
    await assert.rejects(operator(b).installKey(), { code: 'no-issuer' })
    for (let i = 0; i < 2; i++) await operator(a).installKey()
    await assert.rejects(operator(a).installKey(), { code: 'bad-log' })
    assert.equal(readIdentity(a.folder).ring.length, 3, 'the refused key is not kept')
  }))

test('a host that slept through a rotation gets the new key by the old one, which opens nothing else', () =>
  withHosts(['a', 'b', 'c'], async (hosts, all, clock) => {
    const [a, b, c] = all as [Host, Host, Host]
    await c.node.stop()
    await until('gone', () => a.node.status().connected === 1)
    const [old] = operator(a).keys()
    const { id } = await operator(a).installKey()
    await assert.rejects(operator(a).useKey(id), { code: 'bad-key', message: /^c not holding/ })
    await operator(a).useKey(id, true)
    await operator(a).removeKey(old?.id as string)
    const now = () => Date.now() + clock.ahead
    const again = await hosts.open('c', c.folder, c.store, { now })
    assert.deepEqual(
      again.node.identity.ring.map((key) => key.id),
      [old?.id],
    )
    await connected([a, b, again])
    assert.deepEqual(again.node.identity.ring[0]?.id, id)
    await again.node.publish('semaphore', 'awake', 1, 600_000)
    await until('heard', () => keysOf(a).includes('c/awake'), 5000)
  }))

test('thirty days after its removal the old key opens nothing at all', () =>
  withHosts(['a', 'b'], async (hosts, all, clock) => {
    const [a, b] = all as [Host, Host]
    await b.node.stop()
    const [old] = operator(a).keys()
    const { id } = await operator(a).installKey()
    await operator(a).useKey(id, true)
    await operator(a).removeKey(old?.id as string)
    clock.ahead = 31 * day
    const again = await hosts.open('b', b.folder, b.store, { now: () => Date.now() + clock.ahead })
    await sleep(1500)
    assert.equal(again.node.status().connected, 0)
    assert.deepEqual(
      again.node.identity.ring.map((key) => key.id),
      [old?.id],
    )
  }))

test('a certificate is renewed by itself when two thirds of it are over, and on request; without an issuer it is said', () =>
  withHosts(['a', 'b'], async (hosts, all, clock) => {
    const [a, b] = all as [Host, Host]
    const first = b.node.identity.certificate
    assert.equal(b.node.renewal.due, false)
    clock.ahead = 61 * day
    await until('renewed', () => b.node.identity.certificate.notAfter > first.notAfter + 60 * day)
    assert.equal(readIdentity(b.folder).certificate.serial, b.node.identity.certificate.serial)
    assert.deepEqual([b.node.identity.name, b.node.identity.certificate.role], ['b', 'member'])
    await until('a its own', () => a.node.identity.certificate.notAfter > first.notAfter + 60 * day)
    const told = () => a.node.members().find(({ name }) => name === 'b')?.certificateExpires
    await until('a lists it', () => told() === b.node.identity.certificate.notAfter)
    clock.ahead += day
    assert.equal(await b.node.operator.renew(), b.node.identity.certificate.notAfter)
    await until('connected still', () => b.node.status().connected === 1)
    await a.node.stop()
    clock.ahead += day
    await assert.rejects(b.node.operator.renew(), (error: MeshError) => {
      assert.equal(error.code, 'unreachable')
      assert.match(error.message, /no issuer renews the certificate of b, which ends .* \(a: .*\); bring/)
      return true
    })
    assert.ok(hosts)
  }))

test('tags outlive a renewal', () =>
  withHosts(['a'], async (hosts, all, clock) => {
    const [a] = all as [Host]
    const { token } = await a.node.invite({ tags: ['web'] })
    const folder = hosts.folder('b')
    const now = () => Date.now() + clock.ahead
    await joinMesh({ folder, token, name: 'b', now: now() })
    const b = await hosts.open('b', folder, memoryStore(), { now })
    const first = b.node.identity.certificate
    clock.ahead = 61 * day
    await until('connected', () => b.node.status().connected === 1)
    await b.node.operator.renew()
    const next = b.node.identity.certificate
    assert.ok(next.notBefore > first.notBefore + 60 * day)
    assert.deepEqual([first.tags, next.tags], [['web'], ['web']])
    const told = () => a.node.members().find(({ name }) => name === 'b')
    await until('a lists it', () => told()?.certificateExpires === next.notAfter)
    assert.deepEqual(told()?.tags, ['web'])
  }))

test('with --approve a host waits for a word: it neither gets in nor learns anything before', () =>
  withHosts(['a'], async (hosts, all) => {
    const a = all[0] as Host
    const { token } = await a.node.invite({ approve: true })
    const folder = hosts.folder('b')
    const join2 = () => joinMesh({ folder, token, name: 'b', now: Date.now() })
    const error: MeshError = await join2().then(
      () => assert.fail('let in'),
      (reason) => reason,
    )
    assert.deepEqual([error.code, error.exit], ['pending', 15])
    assert.equal(hasMesh(folder), false)
    const [waiting, ...others] = operator(a).applications()
    assert.ok(waiting && others.length === 0)
    assert.match(error.message, new RegExp(waiting.fingerprint))
    assert.equal(waiting.name, 'b')
    assert.equal(a.node.members().length, 1)
    await assert.rejects(operator(a).approve('0000-0000-0000-0000-0000'), { code: 'no-application' })
    // Another host with the same token is another fingerprint, and the yes to one is none to the other.
    const other = await joinMesh({ folder: hosts.folder('m'), token, name: 'm', now: Date.now() }).catch(
      (e) => e,
    )
    assert.equal(other.code, 'pending')
    await operator(a).approve(waiting.fingerprint)
    assert.equal(
      (await joinMesh({ folder: hosts.folder('m'), token, name: 'm', now: Date.now() }).catch((e) => e)).code,
      'pending',
    )
    const joined = await join2()
    assert.deepEqual([joined.peer, joined.members], [waiting.peer, 2])
    assert.equal(
      (await joinMesh({ folder: hosts.folder('m'), token, name: 'm', now: Date.now() }).catch((e) => e)).code,
      'used',
    )
  }))

test('a joiner that died after it was let in and before it wrote so comes back with the same key and gets in', () =>
  withHosts(['a'], async (hosts, all) => {
    const a = all[0] as Host
    const { token } = await a.node.invite({})
    const folder = hosts.folder('b')
    const { applicant, keepApplicant } = await import('../../src/mesh/identity/identity.ts')
    const { newSigner } = await import('../../src/mesh/identity/keys.ts')
    const node = newSigner()
    keepApplicant(folder, node)
    const first = await joinMesh({ folder, token, name: 'b', now: Date.now() })
    assert.equal(applicant(folder), undefined, 'the key of a host that is in lies in one place')
    const { rmSync } = await import('node:fs')
    rmSync(join(folder, 'mesh.cbor'))
    keepApplicant(folder, node)
    const second = await joinMesh({ folder, token, name: 'b', now: Date.now() })
    assert.equal(second.peer, first.peer)
    assert.equal(a.node.members().length, 2)
  }))

test('the root key lies encrypted; the passphrase of init opens it and renews the issuer, another does not', async () => {
  const hosts = fleet('memory')
  const { initMesh } = await import('#mesh')
  const folder = hosts.folder('a')
  const clock = { ahead: 0 }
  const founded = await initMesh({ folder, name: 'a', now: Date.now() })
  assert.match(founded.passphrase, /^([0-9A-HJKMNP-TV-Z]{5}-){4}[0-9A-HJKMNP-TV-Z]{5}$/)
  const content = new Uint8Array(readFileSync(join(folder, 'root.key')))
  const root = openRootKey(content, ` ${founded.passphrase.toLowerCase().replaceAll('-', ' ')} `)
  assert.deepEqual(root.publicKey, readIdentity(folder).root)
  assert.ok(!Buffer.from(content).includes(Buffer.from(root.raw.subarray(0, 32))))
  assert.throws(() => openRootKey(content, 'AAAAA-AAAAA-AAAAA-AAAAA-AAAAA'), {
    code: 'bad-passphrase',
    exit: 2,
  })
  content[content.length - 1] = (content.at(-1) as number) ^ 1
  assert.throws(() => openRootKey(content, founded.passphrase), { code: 'bad-passphrase' })
  try {
    const a = await hosts.open('a', folder, memoryStore(), { now: () => Date.now() + clock.ahead })
    clock.ahead = 89 * day
    await until('renewed', () => a.node.identity.certificate.notAfter > Date.now() + 120 * day)
    assert.throws(() => operator(a).renewIssuer('nonsense'), { code: 'bad-passphrase' })
    const end = operator(a).renewIssuer(founded.passphrase)
    assert.ok(end > Date.now() + clock.ahead + 364 * day)
    await a.node.invite({})
  } finally {
    await hosts.end()
  }
})

test('a long admin log sums itself up: it stays small, who is far behind jumps, and no jump takes a revocation back', async () => {
  const hosts = fleet('memory')
  const { initMesh } = await import('#mesh')
  const folder = hosts.folder('a')
  await initMesh({ folder, name: 'a', now: Date.now() })
  const { root, issuer, admin } = readIdentity(folder)
  const signer = issuer?.signer as NonNullable<typeof issuer>['signer']
  const behind = new AdminLog(root, admin.entries())
  const forked = new AdminLog(root, admin.entries())
  const revoke = (log: AdminLog, i: number) =>
    log.append(log.make({ op: 'revoke', peer: `peer-${i}`, serial: '', reason: '' }, signer, Date.now()))
  const long = (log: AdminLog, from: number, count: number) => {
    for (let i = 0; i < count; i++) {
      revoke(log, from + i)
      if (log.checkpointDue) log.append(log.make(log.state.snapshot(Date.now()), signer, Date.now()))
    }
  }
  long(admin, 0, 900)
  assert.ok(admin.entries().length <= 2 * limits.checkpointEvery + 1, `${admin.entries().length}`)
  assert.ok(admin.head().seq > 900)
  for (const entry of admin.since(behind.head().seq)) behind.append(entry)
  assert.deepEqual(behind.head(), admin.head())
  assert.equal(behind.revoked('peer-3', ''), true)
  const joiner = new AdminLog(root, admin.entries())
  assert.equal(joiner.revoked('peer-899', ''), true)
  // A history that knows of a revocation the checkpoint does not is not given up for it.
  revoke(forked, 5000)
  assert.throws(() => forked.append(admin.entries()[0] as Uint8Array), {
    code: 'bad-log',
    message: /takes back/,
  })
  // A checkpoint that says less than its log did.
  const state = admin.state.snapshot(Date.now())
  const less = admin.make({ ...state, revoked: state.revoked.slice(1) }, signer, Date.now())
  assert.throws(() => admin.append(less), { code: 'bad-log', message: /what the entries before it said/ })
  // What concerns no certificate any more is forgotten.
  assert.deepEqual(
    admin.state.snapshot(Date.now() + limits.memberLifetime + limits.maxFuture + 1).revoked,
    [],
  )
  await hosts.end()
})
