/** Semaphores of binaries and of files: whatever an incident holds is told and read as it was; nothing that does not fit is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  IncidentBook,
  isTellable,
  readSemaphore,
  type SemaphoreBody,
  semaphoreKey,
  toFileSemaphore,
  toSemaphore,
} from '#incidents'
import { decode, encode } from '../../src/mesh/records/codec.ts'

const hash = fc.stringMatching(/^[0-9a-f]{64}$/)
const abi = fc.constantFrom('x86-64' as const, 'i386' as const, 'arm64' as const)
const path = fc.oneof(
  fc.stringMatching(/^\/[a-z0-9/._-]{1,60}$/),
  fc.string({ minLength: 1, maxLength: 4096 }),
)
const level = fc.constantFrom('notice', 'incident', 'severe', 'none') as fc.Arbitrary<'notice'>

/** An incident of anomalies, of judged processes, or of both. */
const incidents = fc
  .record({
    of: fc.record({
      binary: path,
      sha256: fc.oneof(hash, fc.constant('')),
      abi,
      window: fc.constantFrom(6, 9),
    }),
    anomalies: fc.array(
      fc.record({ current: fc.nat(511), missing: fc.nat(31), lfc: fc.nat(128), calls: fc.nat(9) }),
      { maxLength: 30 },
    ),
    judged: fc.option(fc.record({ level, bits: fc.double({ min: 0, max: 1e9, noNaN: true }) })),
  })
  .map(({ of, anomalies, judged }) => {
    const book = new IncidentBook()
    for (const { calls, ...one } of anomalies)
      book.observe({ pid: 1, previous: [5, 6, 7, 8, 9], maxLfc: one.lfc, ...one, calls: calls + 1 }, of, 1000)
    const unit = { pid: 1, parts: [], windows: [], edge: undefined, m: 9, q: 0.1, bar: 8, ordinal: 1 }
    if (judged) book.judge({ ...unit, ...judged }, of, 2000)
    return book.list()[0]
  })
  .filter((incident) => incident !== undefined)

const files = fc
  .record({ binary: path, abi, from: hash, to: hash, at: fc.nat(), age: fc.integer({ min: -9, max: 9 }) })
  .filter(({ from, to }) => from !== to)
  .map(({ age, ...change }): SemaphoreBody => toFileSemaphore(change, Math.max(0, change.at + age)))

test('what an incident holds is told, read as it was said, and is of the kind that found it', () => {
  fc.assert(
    fc.property(incidents, (incident) => {
      const { anomalous, bits } = incident
      assert.equal(isTellable(incident), anomalous > 0 || (bits ?? 0) > 0)
      if (!isTellable(incident)) return
      const body = toSemaphore(incident)
      const read = readSemaphore(decode(encode(body)))
      assert.ok(read.ok, JSON.stringify(read))
      assert.deepEqual(encode(read.body), encode(body))
      assert.equal(body.kind, anomalous > 0 ? 'ph_sequence_anomaly' : 'ph_judgement_anomaly')
      assert.ok(Buffer.byteLength(semaphoreKey(body)) <= 256)
    }),
  )
})

test('what the judgement alone found holds nothing of what pH finds, and always bits', () => {
  fc.assert(
    fc.property(incidents.filter(isTellable), fc.nat(), (incident, n) => {
      const body = toSemaphore(incident)
      const alone = body.kind === 'ph_judgement_anomaly'
      const other = alone ? 'ph_sequence_anomaly' : 'ph_judgement_anomaly'
      const { bits: _, ...bare } = body
      const refused: unknown[] = [
        { ...body, kind: other },
        { ...body, anomalous: alone ? n + 1 : 0 },
        { ...body, anomalous: -1 - n },
        { ...body, bits: -n },
        { ...body, bits: Number.NaN },
        { ...body, bits: 10_001 + n },
        { ...body, bits: `${n}` },
        ...(alone
          ? [bare, { ...body, maxLfc: 1 }, { ...body, unfamiliar: ['ab'.repeat(8)] }]
          : [{ ...body, kind: other, anomalous: 0, maxLfc: 1, bits: 9 }]),
      ]
      for (const said of refused) assert.equal(readSemaphore(said).ok, false, JSON.stringify(said))
    }),
  )
})

test('a changed file is told and read as it was said; one field changed, missing or too much is refused', () => {
  fc.assert(
    fc.property(files, fc.nat(), fc.anything(), (body, n, other) => {
      const read = readSemaphore(decode(encode(body)))
      assert.ok(read.ok, JSON.stringify(read))
      assert.deepEqual(read.body, body)
      assert.ok(Buffer.byteLength(semaphoreKey(body)) <= 256)
      const field = Object.keys(body)[n % Object.keys(body).length] as string
      const changed = readSemaphore({ ...body, [field]: other })
      if (changed.ok) assert.deepEqual(readSemaphore(changed.body), changed)
      const { [field]: _, ...rest } = body as unknown as Record<string, unknown>
      assert.equal(readSemaphore(rest).ok, false)
      assert.equal(readSemaphore({ ...body, more: 1 }).ok, false)
      assert.equal(readSemaphore({ ...body, before: (body as { sha256: string }).sha256 }).ok, false)
    }),
  )
})
