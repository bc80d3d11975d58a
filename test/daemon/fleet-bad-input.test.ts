/** Members that say what is not so, over a real mesh: refused with the reason, counted, shown beside their names. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { BODY_REQUEST, encodeDigest, makeDigest } from '#fleet'
import { decodeProfile } from '#homeostasis'
import type { Host } from '../../src/daemon/host.ts'
import { fleetOf, nginx, profileFile, until, usual } from './fleet-hosts.ts'

const names = ['honest', 'asker', 'claims', 'large', 'window-nine', 'arm', 'all-ones', 'private']
const more: typeof usual = [[30, 1, 1]]

describe('bad input from members', { concurrency: false }, () => {
  const ends: (() => void | Promise<void>)[] = []
  const of = new Map<string, Host>()
  const host = (name: string) => of.get(name) as Host

  before(async () => {
    const hosts = await fleetOf({ after: (end) => ends.push(end) }, names, (name) => ({
      pairs: name === 'asker' ? usual : [...usual, ...more],
      window: name === 'window-nine' ? 9 : 6,
      abi: name === 'arm' ? 'arm64' : 'x86-64',
      hidden: name === 'private',
    }))
    for (const one of hosts) of.set(one.name, one)
  })
  after(async () => {
    for (const end of ends.reverse()) await end()
  })

  const refusedOf = (name: string) =>
    host('asker')
      .mesh.memberLines()
      .find((line) => line.name === name)?.refused

  it('a digest that claims what its body does not hold', async () => {
    const liar = host('claims')
    const honest = liar.fleet.own.find.bind(liar.fleet.own)
    liar.fleet.own.find = async (query) => {
      const found = await honest(query)
      return found && { ...found, digest: { ...found.digest, calls: 5, pairs: found.digest.pairs } }
    }
    const compared = await host('asker').fleet.compare(nginx, [])
    const left = compared.refused.find(({ name }) => name === 'claims')
    assert.match(left?.reason ?? '', /the digest says calls 5, the body holds 100000/)
    assert.deepEqual(refusedOf('claims'), { 'body-claims': 1 })
    assert.ok(!compared.hosts.some(({ name }) => name === 'claims'))
  })

  it('a body of 50 MB is cut before it is read', async () => {
    const { mesh } = host('large').mesh
    await (mesh as unknown as { host: { unhandle: (protocol: string) => Promise<void> } }).host.unhandle(
      `/lymph/ask/${BODY_REQUEST}/1`,
    )
    mesh.serve(BODY_REQUEST, async () => new Uint8Array(50_000_000), {
      requestBytes: 1024,
      answerBytes: 60_000_000,
    })
    const before = process.memoryUsage().arrayBuffers
    const compared = await host('asker').fleet.compare(nginx, ['large', 'honest'])
    const left = compared.refused.find(({ name }) => name === 'large')
    assert.match(left?.reason ?? '', /large sends more than the \d+ bytes a body may have/)
    assert.deepEqual(refusedOf('large'), { 'too-large': 1 })
    // The sender's 50 MB and what is on its way are in this process too.
    assert.ok(process.memoryUsage().arrayBuffers - before < 200_000_000)
    assert.deepEqual(
      compared.hosts.map(({ name }) => name),
      ['asker', 'honest'],
    )
  })

  it('a window that differs cannot be compared', async () => {
    const compared = await host('asker').fleet.compare(nginx, [])
    const left = compared.refused.find(({ name }) => name === 'window-nine')
    assert.match(left?.reason ?? '', /is of window 9, and 6 is compared/)
    assert.ok((refusedOf('window-nine')?.['other-window'] ?? 0) >= 1)
  })

  it('an ABI that differs cannot be compared', async () => {
    const compared = await host('asker').fleet.compare(nginx, [])
    const left = compared.refused.find(({ name }) => name === 'arm')
    assert.match(left?.reason ?? '', /is of ABI arm64, and x86-64 is compared/)
    assert.ok((refusedOf('arm')?.['other-abi'] ?? 0) >= 1)
    // Nor from sketches.
    const { refused } = await host('asker').fleet.compare(nginx, [], false)
    assert.ok(
      refused.some(({ name }) => name === 'arm') && refused.some(({ name }) => name === 'window-nine'),
    )
  })

  it('a sketch of all ones, which would know everything', async () => {
    const liar = host('all-ones')
    const wire = encodeDigest(
      makeDigest(decodeProfile(profileFile({ pairs: usual })), new Uint8Array(9), {
        lost: 0,
        made: Date.now(),
        key: liar.fleet.own.sketchKey,
      }),
    )
    await liar.mesh.mesh.publish('digest', 'ones', { ...wire, x: new Uint8Array(640).fill(255) }, 60_000)
    await until('it is refused', () => (refusedOf('all-ones')?.['bad-sketch'] ?? 0) === 1)
  })

  it('what the config calls private is neither announced nor given', async () => {
    const { own } = host('private').fleet
    assert.equal(await own.find({ binary: nginx }), undefined)
    assert.deepEqual(own.rows(), [])
    assert.ok(![...host('asker').mesh.digests.all()].some(({ name }) => name === 'private'))
    const compared = await host('asker').fleet.compare(nginx, ['private', 'honest'])
    assert.match(compared.refused[0]?.reason ?? '', /private refuses: not-held/)
  })
})
