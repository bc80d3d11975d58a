/** Digests pulled from their authors and from those who keep them; what liars make of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encode } from 'cborg'
import {
  type DigestBook,
  digestKey,
  encodePart,
  encodePullAnswer,
  encodePullQuery,
  nearest,
  rowOf,
} from '#fleet'
import { digestOf, Fleet, signed } from './fleet.ts'

const nginx = 'ab'.repeat(32)
const names = (count: number) => Array.from({ length: count }, (_, n) => `host-${n}`)

async function fleetOf(count: number, neighbours: number): Promise<Fleet> {
  const fleet = new Fleet()
  for (const name of names(count)) fleet.add(name, { neighbours }).learn(nginx)
  await fleet.settle()
  return fleet
}
const made = (book: DigestBook, peer: string) =>
  [...book.all()].find((held) => held.peer === peer)?.digest.made

test('each host keeps the digests of exactly its nearest, and no others', async () => {
  const fleet = await fleetOf(40, 6)
  for (const host of fleet.hosts.values())
    assert.deepEqual(host.keeps(nginx), nearest(host.peer, nginx, names(40), fleet.now, 6).sort())
})

test('a digest made anew is pulled by those who keep it, and by nobody else', async () => {
  const fleet = await fleetOf(20, 4)
  const author = fleet.hosts.get('host-3')!
  const keepers = [...fleet.hosts.values()].filter((host) => host.keeps(nginx).includes('host-3'))
  fleet.now += 7 * 3_600_000
  const before = fleet.now
  for (const host of fleet.hosts.values()) host.asked = 0
  author.learn(nginx, 5)
  await fleet.settle()
  for (const host of keepers) assert.equal(made(host.book, 'host-3'), before)
  // A neighbourhood may have begun its week meanwhile; it has not.
  assert.equal(author.asked, keepers.length)
})

test('an author that is away is stood in for, and of two digests the newer stands', async () => {
  const fleet = await fleetOf(12, 3)
  const author = fleet.hosts.get('host-0')!
  const row = rowOf(digestOf(nginx, fleet.now))
  const seeker = [...fleet.hosts.values()].find(
    (host) => host !== author && !host.keeps(nginx).includes('host-0'),
  )!
  author.alive = false
  const said = await seeker.placed.gather({ name: 'nginx' })
  assert.deepEqual(said.missing, [])
  assert.ok(seeker.keeps(nginx).includes('host-0'))
  // Two keepers, one with an older one: whichever is asked first, the newer stays.
  const newer = signed('host-0', digestOf(nginx, fleet.now, 4), fleet.now)
  const older = signed('host-0', digestOf(nginx, fleet.now - 5000, 3), fleet.now - 5000)
  const [first, second] = nearest('host-0', nginx, names(12), fleet.now, 4).filter(
    (peer) => peer !== seeker.peer,
  )
  fleet.hosts.get(first!)!.serves = () => encodePullAnswer({ envelopes: [older] })
  fleet.hosts.get(second!)!.serves = () => encodePullAnswer({ envelopes: [newer] })
  await seeker.placed.puller.pull('host-0', [{ ...row, peer: 'host-0', made: Math.floor(fleet.now / 1000) }])
  assert.equal(made(seeker.book, 'host-0'), fleet.now)
  fleet.hosts.get(first!)!.serves = () => encodePullAnswer({ envelopes: [older] })
  fleet.hosts.get(second!)!.serves = () => encodePullAnswer({ envelopes: [older] })
  await seeker.placed.puller.pull('host-0', [
    { ...row, peer: 'host-0', made: Math.floor(fleet.now / 1000) + 60 },
  ])
  assert.equal(made(seeker.book, 'host-0'), fleet.now, 'an older one does not take its place')
})

test('who answers with less than its inventory names is counted, not asked again for a while, and its place is another\u2019s', async () => {
  const fleet = await fleetOf(10, 3)
  const liar = fleet.hosts.get('host-9')!
  liar.placed.shelf.delete(digestKey(digestOf(nginx, 0)))
  for (const host of fleet.hosts.values())
    for (const held of [...host.book.all()]) if (held.peer === 'host-9') host.book.drop(held)
  await fleet.settle()
  // Its shelf is empty, but its inventory stands.
  liar.placed.tell = async () => undefined
  const victim = [...fleet.hosts.values()].find(
    (host) => host !== liar && nearest(host.peer, nginx, names(10), fleet.now, 3).includes('host-9'),
  )!
  fleet.tell(liar, 0, encodePart([rowOf(digestOf(nginx, fleet.now))]))
  await fleet.settle()
  assert.ok((victim.refusals.of('host-9')['not-held'] ?? 0) > 0)
  assert.equal(victim.keeps(nginx).length, 3, 'another one is kept in its place')
  assert.ok(!victim.keeps(nginx).includes('host-9'))
  // It may be time to try once more; then it is not for as long again.
  const idle = async () => {
    while (victim.placed.gauge().pulls.running > 0) await new Promise((resolve) => setImmediate(resolve))
  }
  victim.placed.pull(victim.contents)
  await idle()
  liar.asked = 0
  victim.placed.pull(victim.contents)
  await idle()
  assert.equal(liar.asked, 0)
})

test('what does not hold is refused: counted for who hands it over, or for who signed it', async () => {
  const fleet = await fleetOf(4, 3)
  const [asker, author, keeper] = [
    fleet.hosts.get('host-0')!,
    fleet.hosts.get('host-1')!,
    fleet.hosts.get('host-2')!,
  ]
  const row = { ...rowOf(digestOf(nginx, fleet.now)), peer: 'host-1' }
  const pull = async (serves: () => Uint8Array) => {
    for (const held of [...asker.book.all()]) asker.book.drop(held)
    author.serves = serves
    keeper.serves = () => encodePullAnswer({ envelopes: [] })
    fleet.hosts.get('host-3')!.serves = keeper.serves
    const missing = await asker.placed.puller.pull('host-1', [row])
    return missing.length
  }
  const digest = digestOf(nginx, fleet.now)
  const forged = encode({
    peer: 'host-1',
    made: fleet.now,
    expires: fleet.now + 1e6,
    body: {},
    sig: 'signed by host-2',
  })
  for (const [reason, envelope] of [
    ['bad-envelope', forged],
    ['not-the-author', signed('host-2', digest, fleet.now)],
    ['stale', signed('host-1', digest, fleet.now - 2 * 86_400_000)],
    ['other-profile', signed('host-1', digestOf('cd'.repeat(32), fleet.now), fleet.now)],
    [
      'bad-digest',
      encode({
        peer: 'host-1',
        made: fleet.now,
        expires: fleet.now + 1e6,
        body: { v: 2 },
        sig: 'signed by host-1',
      }),
    ],
  ] as const) {
    const before = asker.refusals.of('host-1')[reason] ?? 0
    assert.equal(await pull(() => encodePullAnswer({ envelopes: [envelope] })), 1, reason)
    assert.equal(asker.refusals.of('host-1')[reason], before + 1, reason)
    assert.equal(asker.keeps(nginx).length + asker.keeps('cd'.repeat(32)).length, 0, reason)
  }
  assert.equal(await pull(() => new Uint8Array(200_000)), 1)
  assert.equal(asker.refusals.of('host-1')['too-large'], 1)
  assert.equal(await pull(() => encode({ e: 'x' })), 1)
  assert.equal(asker.refusals.of('host-1')['bad-answer'], 1)
  assert.equal(await pull(() => encodePullAnswer({ refused: 'busy' })), 1)
  assert.equal(asker.refusals.of('host-1').busy, 1)
})

test('who asks too often is told so, and counted; others are answered', async () => {
  const fleet = await fleetOf(3, 2)
  const server = fleet.hosts.get('host-0')!.placed.puller
  const request = encodePullQuery({ author: 'host-0', ids: [rowOf(digestOf(nginx, 0)).id] })
  const busy = encodePullAnswer({ refused: 'busy' })
  let refused = 0
  for (let n = 0; n < 100; n++)
    if (Buffer.from(server.serve(request, { peer: 'flooder', name: 'flooder' })).equals(busy)) refused++
  assert.equal(refused, 40)
  assert.equal(fleet.hosts.get('host-0')!.refusals.of('flooder').busy, 40)
  assert.ok(server.serve(request, { peer: 'host-1', name: 'host-1' }).length > 200)
  for (const bad of [new Uint8Array(2000), encode({ a: 'host-0', i: new Uint8Array(14) }), encode(1)])
    assert.deepEqual(
      Buffer.from(server.serve(bad, { peer: 'host-2', name: 'host-2' })),
      Buffer.from(encodePullAnswer({ refused: 'bad-request' })),
    )
  assert.equal(fleet.hosts.get('host-0')!.refusals.of('host-2')['bad-request'], 3)
})

test('a command is told what could not be had, and ends in time', async () => {
  const fleet = await fleetOf(6, 1)
  for (const host of fleet.hosts.values()) if (host.peer !== 'host-0') host.alive = false
  const asker = fleet.hosts.get('host-0')!
  const { missing } = await asker.placed.gather('all')
  assert.equal(missing.length, 4)
  assert.match(missing[0]!.reason, /not heard of now/)
  const slow = fleet.hosts.get('host-1')!
  slow.alive = true
  slow.serves = () => {
    fleet.now += 60_000
    return encodePullAnswer({ envelopes: [] })
  }
  const late = await asker.placed.gather('all', 1000)
  assert.ok(late.missing.length >= 4)
})

test('digests go with the rows that told of them; those of an inventory that is taken back stand for their time', async () => {
  const fleet = await fleetOf(4, 3)
  const [author, keeper] = [fleet.hosts.get('host-1')!, fleet.hosts.get('host-0')!]
  author.learn('cd'.repeat(32), 3, '/usr/bin/less')
  keeper.learn('cd'.repeat(32), 3, '/usr/bin/less')
  await fleet.settle()
  assert.deepEqual(keeper.keeps('cd'.repeat(32)), ['host-1'])
  author.placed.shelf.delete(digestKey(digestOf('cd'.repeat(32), 0, 3, '/usr/bin/less')))
  fleet.now += 3_600_000
  await author.placed.tell()
  assert.deepEqual(keeper.keeps('cd'.repeat(32)), [])
  fleet.tell(author, 0, undefined)
  assert.ok(keeper.keeps(nginx).includes('host-1'))
  fleet.now += 25 * 3_600_000
  keeper.book.expire(fleet.now)
  assert.ok(!keeper.keeps(nginx).includes('host-1'))
})
