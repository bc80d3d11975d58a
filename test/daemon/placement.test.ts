/** Hosts that keep the digests of a few chosen members give the same answers as hosts that keep everybody's. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { encodePart, nearest, rowOf } from '#fleet'
import type { Incident } from '#incidents'
import type { Host } from '../../src/daemon/host.ts'
import { fleetOf, nginx, type Shape, sha256, type Triple, until, usual } from './fleet-hosts.ts'

const names = ['asker', ...Array.from({ length: 9 }, (_, n) => `peer-${n}`)]
const elsewhere: Triple[] = [
  [20, 3, 1],
  [20, 4, 2],
]
const neighbours = 3
const content = { content: sha256, abi: 'x86-64', window: 6 } as const
/** Each with a pair of its own, so that distances differ; the asker lacks what all others have. */
const shape =
  (placement: Shape['placement']) =>
  (name: string): Shape => ({
    pairs: name === 'asker' ? usual : [...usual, ...elsewhere, [40 + names.indexOf(name), 1, 1]],
    ...(placement ? { placement } : {}),
    neighbours,
  })

const held = (host: Host): string[] => [...host.mesh.digests.all()].map(({ peer }) => peer)
const house = async (hosts: readonly Host[]): Promise<void> => {
  for (const host of hosts) await host.fleet.keepHouse()
}
/** Of these members, those nearest to it. */
const hasNeighbours = (host: Host, peers: string[]): boolean => {
  const has = new Set(held(host))
  return nearest(peerOf(host), sha256, peers, Date.now(), neighbours).every((one) => has.has(one))
}
const peerOf = (host: Host): string => host.mesh.peer

function raise(host: Host, current: number, previous: number[], missing: number, pid: number): Incident {
  const anomaly = { pid, current, previous, missing, lfc: 12, maxLfc: 12 }
  return host.incidents.observe(anomaly, { binary: nginx, sha256, abi: 'x86-64', window: 6 })
}

/** What commands say, without what differs from one mesh to the next: PeerIds and sketches' keys. */
async function answers(asker: Host) {
  const binaries = (await asker.fleet.binaries()).map(({ hosts, spread, ...row }) => ({
    ...row,
    hosts: hosts.map(({ peer: _, ...rest }) => rest),
    spread: spread?.hosts,
  }))
  const report = (await asker.fleet.reporting.hosts()).hosts.sort((a, b) => (a.name < b.name ? -1 : 1))
  const exact = await asker.fleet.compare('nginx', [], true)
  const sketched = await asker.fleet.compare(nginx, [], false)
  const outliers = await asker.fleet.reporting.outliers('nginx')
  const sorted = <One extends { name: string }>(all: One[]): One[] =>
    all.sort((a, b) => (a.name < b.name ? -1 : 1))
  const known = raise(asker, 20, [3, 4, 0, 0, 0], 0b00011, 100)
  const familiar = await asker.fleet.asking.askOf(known.id)
  asker.incidents.resolve(known.id)
  const strange = raise(asker, 33, [5, 6, 0, 0, 0], 0b00011, 101)
  const unfamiliar = await asker.fleet.asking.askOf(strange.id)
  asker.incidents.resolve(strange.id)
  const verdict = ({ verdict, known: by, asked, drawn, quorum, text }: typeof familiar) => ({
    ...{ verdict, by, asked, drawn, quorum, text },
  })
  return {
    ...{ binaries, report },
    exact: { ...exact, hosts: sorted(exact.hosts) },
    sketched: sorted(sketched.hosts),
    outliers: [outliers.hosts, outliers.tooFew, outliers.refused.length],
    asked: [verdict(familiar), verdict(unfamiliar)],
  }
}

describe('digests kept by chosen members', { concurrency: false }, () => {
  const ends: (() => void | Promise<void>)[] = []
  const t = { after: (end: () => void | Promise<void>) => void ends.push(end) }
  let hosts: Host[]
  let asker: Host

  before(async () => {
    hosts = [...(await fleetOf(t, names, shape('chosen')))]
    asker = hosts[0] as Host
    await house(hosts)
    const peers = hosts.map(peerOf)
    await until('each has its neighbours', () => hosts.every((host) => hasNeighbours(host, peers)))
  })
  after(async () => {
    for (const end of ends.reverse()) await end()
  })

  it('are gossiped to nobody, and are those of the nearest', () => {
    // What it pulled before it had heard of a nearer one it keeps for ten minutes more.
    for (const host of hosts) {
      assert.deepEqual(host.mesh.mesh.records('digest'), [])
      assert.ok([...host.mesh.digests.all()].every(({ way }) => way === 'pulled'))
    }
    assert.ok(hosts.some((host) => held(host).length < names.length - 1))
  })

  it('answers are those of a fleet in which everybody keeps everything', async () => {
    const here = await answers(asker)
    assert.equal(here.exact.hosts.length, names.length)
    assert.deepEqual(
      here.asked.map(({ verdict, by, asked }) => [verdict, by, asked]),
      [
        ['familiar', 9, 9],
        ['unfamiliar', 0, 9],
      ],
    )
    const everywhere = await fleetOf(t, names, shape('everywhere'))
    const there = await answers(everywhere[0] as Host)
    const settled = (all: typeof here) => ({
      ...all,
      // When a profile was made is of another day.
      exact: { ...all.exact, refused: all.exact.refused.length },
    })
    assert.deepEqual(settled(here), settled(there))
  })

  it('an author that is away is stood in for by those nearest to it', async () => {
    const away = hosts[9] as Host
    const peer = peerOf(away)
    const keeper = hosts.find((host) => host !== asker && host !== away && held(host).includes(peer)) as Host
    assert.ok(keeper, 'somebody keeps it')
    const { placed, mesh, digests } = asker.mesh
    assert.ok(placed)
    const [row] = placed.inventory.rows(peer)
    assert.ok(row)
    for (const one of digests.all()) if (one.peer === peer) digests.drop(one)
    const request = mesh.request.bind(mesh)
    mesh.request = async (to, ...rest) => {
      if (to === peer) throw new Error('it is away')
      return request(to, ...rest)
    }
    try {
      const missing = await placed.puller.pull(peer, [row])
      assert.deepEqual(missing, [])
      assert.equal(digests.find(peer, row.id)?.name, away.name)
    } finally {
      mesh.request = request
    }
  })

  it('an inventory of what a host does not have is found out, counted, and takes nobody else\u2019s place', async () => {
    const liar = hosts[8] as Host
    const before = asker.mesh.refusals.of(peerOf(liar))['not-held'] ?? 0
    const phantom = { ...content, binary: '/usr/bin/phantom', sha256: 'cd'.repeat(32) }
    const row = rowOf({ ...phantom, state: 'normal', processes: 50, made: Date.now() })
    await liar.mesh.mesh.publish('inventory', '3', encodePart([row]), 60_000)
    await until('it is heard', () => asker.mesh.placed?.inventory.of({ ...row }).length === 1)
    const said = await asker.mesh.placed?.gather({ name: 'phantom' })
    assert.equal(said?.missing.length, 1)
    assert.match(said?.missing[0]?.reason ?? '', /does not have 1 of the profiles/)
    assert.ok((asker.mesh.refusals.of(peerOf(liar))['not-held'] ?? 0) > before)
    await assert.rejects(asker.fleet.compare('phantom', [], true), /no host has a profile/)
  })

  it('rows that do not hold are refused by field, and cost nobody else anything', async () => {
    const liar = hosts[7] as Host
    await liar.mesh.mesh.publish('inventory', '4', { v: 1, r: new Uint8Array(19) }, 60_000)
    await liar.mesh.mesh.publish('inventory', 'x', encodePart([]), 60_000)
    await until('both are counted', () => asker.mesh.refusals.of(peerOf(liar))['bad-inventory'] === 2)
    assert.equal(asker.mesh.placed?.inventory.of(content).length, names.length - 1)
  })

  it('one that leaves is replaced', async () => {
    const gone = hosts.pop() as Host
    const peer = peerOf(gone)
    const keepers = hosts.filter((host) => held(host).includes(peer))
    assert.ok(keepers.length > 0)
    await gone.mesh.leave()
    await until('all have heard', () =>
      hosts.every(({ mesh }) => !mesh.placed?.inventory.members().includes(peer)),
    )
    await house(hosts)
    const peers = hosts.map(peerOf)
    await until('each has its neighbours of those that are left', () =>
      hosts.every((host) => hasNeighbours(host, peers) && !held(host).includes(peer)),
    )
  })
})

it('hosts of both placements find one another\u2019s digests', async (t) => {
  const mixed = ['gossip-1', 'gossip-2', 'chosen-1', 'chosen-2', 'chosen-3']
  const hosts = await fleetOf(t, mixed, (name) => ({
    pairs: usual,
    placement: name.startsWith('gossip') ? 'everywhere' : 'chosen',
    neighbours: 1,
  }))
  await house(hosts)
  await until('who gossips keeps everybody\u2019s', () =>
    hosts.slice(0, 2).every((host) => new Set(held(host)).size === mixed.length - 1),
  )
  for (const host of hosts) {
    const { hosts: compared } = await host.fleet.compare('nginx', [], true)
    assert.deepEqual(compared.map(({ name }) => name).sort(), [...mixed].sort())
    const [row] = await host.fleet.binaries()
    assert.equal(row?.hosts.length, mixed.length)
    assert.equal(row?.missing, undefined)
  }
})
