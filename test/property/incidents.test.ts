import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { IncidentBook } from '#incidents'

const step = fc.record({
  binary: fc.constantFrom('/a', '/b', '/c', '/d', '/e', '/f'),
  sha256: fc.constantFrom('', '1'.repeat(64), '2'.repeat(64)),
  abi: fc.constantFrom('x86-64' as const, 'i386' as const),
  calls: fc.integer({ min: 1, max: 1000 }),
  missing: fc.integer({ min: 0, max: 255 }),
  current: fc.nat(511),
  pid: fc.nat(200),
  lfc: fc.nat(128),
  wait: fc.nat(400),
  next: fc.constantFrom('', '', '', 'sweep', 'resolve', 'restart'),
})

test('sum of incident counts = anomalies observed, whatever the caps, the order and the restarts', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 120 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 0, max: 3 }),
      (steps, openLimit, closedLimit) => {
        const settings = { quietMs: 500, openLimit, closedLimit }
        let book = new IncidentBook(settings)
        /** What the book forgot before a restart is known to no later one. */
        let forgottenBefore = 0
        const store = new Map<string, unknown>()
        let observed = 0
        let now = 0
        for (const { binary, sha256, abi, calls, missing, current, pid, lfc, wait, next } of steps) {
          now += wait
          observed += calls
          book.observe(
            { pid, current, previous: [1, 2, 3, 4, 5, 6, 7, 8], missing, lfc, maxLfc: lfc, calls },
            { binary, sha256, abi, window: 9 },
            now,
          )
          if (next === 'sweep') book.sweep(now)
          const newest = book.list()[0]
          if (next === 'resolve' && newest) book.resolve(newest.id)
          const changes = book.drain()
          for (const incident of changes.put) store.set(incident.id, incident)
          for (const id of changes.del) store.delete(id)
          assert.deepEqual(
            [...store.values()].sort(byId),
            book.list().sort(byId),
            'what was told to be saved is what there is',
          )
          if (next === 'restart') {
            forgottenBefore += book.totals().forgotten.anomalous
            const saved = book.list()
            book = new IncidentBook(settings)
            book.restore(saved)
            book.drain()
          }
          const totals = book.totals()
          const incidents = book.list()
          const sum = incidents.reduce((all, { anomalous }) => all + anomalous, 0)
          assert.equal(sum + totals.forgotten.anomalous + forgottenBefore, observed)
          assert.ok(totals.open <= openLimit && totals.closed <= closedLimit)
          assert.equal(new Set(incidents.map(({ id }) => id)).size, incidents.length)
          for (const { pairs, pids, firstSeen, lastSeen } of incidents)
            assert.ok(pairs.length <= 256 && pids.length <= 64 && firstSeen <= lastSeen)
        }
      },
    ),
    { numRuns: 300 },
  )
})

const byId = (a: unknown, b: unknown): number =>
  (a as { id: string }).id < (b as { id: string }).id ? -1 : 1
