/** Two dozen real hosts of a mesh, on the memory transport: inventories by gossip, digests pulled over streams, hosts that die. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Digest, nearest, Refusals } from '#fleet'
import { MeshDigests } from '../../../src/daemon/mesh/digests.ts'
import { digestOf } from '../../fleet/placement/fleet.ts'
import { type Actor, World } from '../../mesh/simulator/world.ts'

const count = 24
const neighbours = 5
const programs = ['nginx', 'bash', 'cron'].map((name, n) => ({
  binary: `/usr/bin/${name}`,
  sha256: `${n}c`.repeat(32),
}))
const [common] = programs as [(typeof programs)[0]]

interface Placed {
  actor: Actor
  digests: MeshDigests
  refusals: Refusals
  own: Digest[]
}

describe('chosen placement on a mesh of two dozen', { concurrency: false }, () => {
  let world: World
  const hosts: Placed[] = []
  let ahead = 0
  const now = () => world.now() + ahead
  const all = () => hosts.filter(({ actor }) => actor.node !== undefined)
  const kept = ({ digests }: Placed) =>
    new Set(
      [...digests.book.all()].flatMap(({ peer, digest }) => (digest.sha256 === common.sha256 ? [peer] : [])),
    )

  /** What the daemon does every five seconds. */
  async function round(): Promise<void> {
    // Whom a busy machine could not reach in time is asked again after a minute.
    ahead += 60_000
    for (const { digests, own } of all()) {
      digests.placed.settle(count, own.length)
      await digests.exchange.announce(own, async (digest) => digest)
      assert.equal(await digests.placed.tell(), undefined)
      digests.placed.pull(own.map(({ sha256, abi, window }) => ({ content: sha256, abi, window })))
    }
    await new Promise((resolve) => setTimeout(resolve, 200))
  }

  async function until(what: string, holds: () => boolean): Promise<void> {
    for (const end = Date.now() + 90_000; Date.now() < end; ) {
      if (holds()) return
      await round()
    }
    const refused = hosts.map(({ refusals }) =>
      Object.values(refusals.all()).map((one) => JSON.stringify(one)),
    )
    throw new Error(`${what}: not within 90 s; refused: ${refused.flat().join(' ')}`)
  }

  before(async () => {
    world = await World.make({ hosts: count, seed: 5 })
    assert.ok(await world.formed())
    for (const actor of world.actors) {
      const mesh = actor.node
      assert.ok(mesh)
      const refusals = new Refusals()
      const digests = new MeshDigests({
        ...{ mesh, refusals, now, sketchKey: () => undefined },
        own: { find: async () => undefined },
        others: () => mesh.members().filter(({ peer }) => peer !== actor.peer),
        placement: { placement: 'chosen', neighbours },
      })
      mesh.onEvent((event) => {
        if (event.type === 'record' && ['digest', 'inventory'].includes(event.record.kind))
          digests.take(event.change, event.record)
      })
      const own = programs
        .filter((_, n) => n === 0 || actor.index % 3 !== n)
        .map(({ binary, sha256 }) => digestOf(sha256, Math.floor(world.now()), 3 + (actor.index % 4), binary))
      hosts.push({ actor, digests, refusals, own })
    }
  })
  after(() => world.end())

  it('each comes to keep the digests of its nearest, and gossip carries none', async () => {
    const peers = hosts.map(({ actor }) => actor.peer)
    await until('all have heard of all and pulled', () =>
      hosts.every((host) => {
        const has = kept(host)
        return nearest(host.actor.peer, common.sha256, peers, now(), neighbours).every((one) => has.has(one))
      }),
    )
    for (const { actor, digests } of hosts) {
      assert.equal(actor.node?.records('digest').length, 0)
      assert.equal(digests.placed.inventory.gauge().members, count - 1)
    }
  })

  it('nobody refused anybody anything, and no more was pulled than is kept or was', () => {
    for (const { refusals, digests } of hosts) {
      assert.deepEqual(
        Object.values(refusals.all())
          .flatMap(Object.keys)
          .filter((reason) => reason !== 'unreachable'),
        [],
      )
      const { pulled } = digests.placed.gauge().pulls
      assert.ok(pulled >= digests.book.gauge().pulled && pulled <= 3 * count, `${pulled}`)
    }
  })

  it('a command has the digests of all, whoever keeps them', async () => {
    const [asker] = hosts as [Placed]
    const { missing } = await asker.digests.placed.gather({ name: 'nginx' }, 30_000)
    assert.deepEqual(missing, [])
    assert.equal(kept(asker).size, count - 1)
  })

  it('the digest of a host that died comes from those who keep it', async () => {
    const pair = hosts.slice(1).flatMap((author) => {
      const peers = hosts.map(({ actor }) => actor.peer)
      const near = nearest(author.actor.peer, common.sha256, peers, now(), 3)
      const seeker = hosts.find(
        (host) => host !== author && !near.includes(host.actor.peer) && !kept(host).has(author.actor.peer),
      )
      const keeper = hosts.some((host) => near.includes(host.actor.peer) && kept(host).has(author.actor.peer))
      return seeker && keeper ? [{ author, seeker }] : []
    })[0]
    assert.ok(pair, 'somebody is kept by its nearest, and not by all')
    const { author, seeker } = pair
    await world.crash(author.actor)
    const { missing } = await seeker.digests.placed.gather(
      { name: 'nginx', peers: [author.actor.peer] },
      30_000,
    )
    assert.deepEqual(missing, [])
    assert.ok(kept(seeker).has(author.actor.peer))
  })
})
