/** Placement: whatever comes and goes, each host keeps exactly the digests of its nearest; whatever is sent is refused or holds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  decodePart,
  decodePullAnswer,
  decodePullQuery,
  encodePart,
  encodePullQuery,
  FleetError,
  type InventoryRow,
  nearest,
  PARTS_MOST,
  partsOf,
  Rendezvous,
  ROWS_PER_PART,
  rowOf,
} from '#fleet'
import { Fleet } from '../fleet/placement/fleet.ts'

const now = Date.UTC(2026, 0, 5)
const hash = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('hex'))
const row: fc.Arbitrary<InventoryRow> = fc
  .record({
    binary: fc.constantFrom('/usr/sbin/nginx', '/bin/sh', '/opt/a b'),
    sha256: hash,
    abi: fc.constantFrom('x86-64' as const, 'i386' as const, 'arm64' as const),
    window: fc.integer({ min: 2, max: 9 }),
    state: fc.constantFrom('learning' as const, 'frozen' as const, 'normal' as const),
    processes: fc.nat(200),
    made: fc.integer({ min: 0, max: now }),
  })
  .map(rowOf)
const rows = (maxLength: number) => fc.uniqueArray(row, { maxLength, selector: ({ id }) => id })

test('every row of an inventory comes back out of one of its parts, and parts are as small as they must be', () => {
  fc.assert(
    fc.property(rows(900), (all) => {
      const parts = partsOf(all)
      assert.ok(parts.length <= PARTS_MOST && parts.every(({ length }) => length <= ROWS_PER_PART))
      const back = parts.flatMap((part, number) => decodePart(`${number}`, encodePart(part), 'p', now).rows)
      const sorted = (of: InventoryRow[]) => of.sort((a, b) => (a.id < b.id ? -1 : 1))
      assert.deepEqual(sorted(back), sorted([...all]))
    }),
    { numRuns: 30 },
  )
})

test('rows changed anywhere are refused by a word, or are other rows that hold', () => {
  fc.assert(
    fc.property(rows(5), fc.nat(), fc.integer({ min: 1, max: 255 }), fc.anything(), (all, at, flip, junk) => {
      const { v, r } = encodePart((partsOf(all)[0] as InventoryRow[]) ?? [])
      if (r.length > 0) r[at % r.length]! ^= flip
      for (const body of [{ v, r }, junk])
        try {
          for (const one of decodePart('0', body, 'p', now).rows) assert.ok(one.made * 1000 <= now + 120_000)
        } catch (error) {
          assert.ok(error instanceof FleetError && error.reason === 'bad-inventory', `${error}`)
        }
    }),
  )
})

test('requests and answers that are no such thing are refused by a word', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 1200 }),
      fc.uniqueArray(row, { minLength: 1, maxLength: 64 }),
      (bytes, of) => {
        const ids = of.map(({ id }) => id)
        assert.deepEqual(decodePullQuery(encodePullQuery({ author: 'a', ids }), 'p'), { author: 'a', ids })
        for (const decode of [decodePullQuery, decodePullAnswer])
          try {
            decode(bytes, 'p')
          } catch (error) {
            assert.ok(error instanceof FleetError && /^bad-(request|answer)$/.test(error.reason), `${error}`)
          }
      },
    ),
  )
})

const content = 'ab'.repeat(32)
type Step = { add: boolean; which: number }
const steps = fc.array(fc.record({ add: fc.boolean(), which: fc.nat(30) }), { minLength: 1, maxLength: 12 })

test('after hosts have come and gone each keeps exactly the digests of its nearest, newest as told', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 6 }), steps, async (neighbours, all) => {
      const fleet = new Fleet()
      for (let n = 0; n < 12; n++) fleet.add(`host-${n}`, { neighbours }).learn(content)
      await fleet.settle()
      for (const { add, which } of all as Step[]) {
        const peer = `host-${which}`
        const there = fleet.hosts.get(peer)
        if (there && !add) fleet.leave(peer)
        else if (there) there.learn(content, 2 + (which % 5))
        else fleet.add(peer, { neighbours }).learn(content)
        fleet.now += 60_000
      }
      fleet.now += 7 * 3_600_000
      await fleet.settle()
      const peers = [...fleet.hosts.keys()]
      for (const host of fleet.hosts.values()) {
        assert.deepEqual(
          host.keeps(content),
          nearest(host.peer, content, peers, fleet.now, neighbours).sort(),
        )
        for (const { peer, id, digest } of host.book.all()) {
          const told = host.placed.inventory
            .of({ content, abi: 'x86-64', window: 6 })
            .find((one) => one.peer === peer)
          assert.equal(told?.id, id)
          assert.ok(Math.floor(digest.made / 1000) >= (told?.made ?? Number.POSITIVE_INFINITY))
        }
      }
    }),
    { numRuns: 15 },
  )
})

test('whatever the content, every host keeps k digests, each digest is kept by about k, and by those nearest to its author', () => {
  const peers = Array.from({ length: 240 }, (_, n) => `12D3KooW${n}`)
  const k = 16
  fc.assert(
    fc.property(hash, (sha256) => {
      const keptBy = new Map<string, string[]>()
      for (const self of peers) {
        const kept = new Rendezvous(self, k).neighbours(sha256, peers, now)
        assert.equal(kept.length, k)
        for (const peer of kept) keptBy.set(peer, [...(keptBy.get(peer) ?? []), self])
      }
      let standIns = 0
      for (const peer of peers) {
        const keepers = keptBy.get(peer) ?? []
        // 16 on average; the deviation of a draw is 3.9.
        assert.ok(keepers.length >= 3 && keepers.length <= 40, `${keepers.length}`)
        standIns += nearest(peer, sha256, peers, now, 3).filter((near) => keepers.includes(near)).length
      }
      assert.ok(standIns >= 0.99 * 3 * peers.length, `${standIns}`)
    }),
    { numRuns: 8 },
  )
})
