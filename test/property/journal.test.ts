import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { segmentsOf, verifyJournal } from '#incidents'
import { entries, MemoryKeep, temporary, writer } from '../incidents/journal/support.ts'

type Edit = {
  at: number
  kind: 'flip' | 'remove' | 'insert' | 'truncate' | 'duplicate' | 'swap'
  value: number
}

/** The bytes after an edit; the same bytes where the edit changes nothing. */
function edited(bytes: Buffer, { at, kind, value }: Edit): Buffer {
  const place = at % bytes.length
  const lines = bytes.toString('latin1').split('\n').slice(0, -1)
  const line = at % lines.length
  const joined = (all: string[]) => Buffer.from(all.map((one) => `${one}\n`).join(''), 'latin1')
  switch (kind) {
    case 'flip': {
      const copy = Buffer.from(bytes)
      copy[place] = (copy[place]! ^ (value || 1)) & 0xff
      return copy
    }
    case 'remove':
      return Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + 1 + (value % 2000))])
    case 'insert':
      return Buffer.concat([bytes.subarray(0, place), Buffer.from([value]), bytes.subarray(place)])
    case 'truncate':
      return bytes.subarray(0, place)
    case 'duplicate':
      return joined(lines.toSpliced(value % (lines.length + 1), 0, lines[line]!))
    case 'swap': {
      const other = value % lines.length
      return joined(lines.with(line, lines[other]!).with(other, lines[line]!))
    }
  }
}

test('any single edit of the file is found, and none is found where there is none', async () => {
  using place = temporary('journal-edits')
  const keep = new MemoryKeep()
  const journal = await writer(place.folder, keep)
  for (const entry of entries(8)) journal.add(entry)
  await journal.close()
  const [segment] = segmentsOf(place.folder)
  const bytes = readFileSync(segment!.path)
  assert.deepEqual((await verifyJournal(place.folder, keep.head)).findings, [])
  const edit: fc.Arbitrary<Edit> = fc.record({
    at: fc.nat(bytes.length - 1),
    kind: fc.constantFrom('flip', 'remove', 'insert', 'truncate', 'duplicate', 'swap'),
    value: fc.nat(255),
  })
  await fc.assert(
    fc.asyncProperty(edit, async (one) => {
      const changed = edited(bytes, one)
      fc.pre(!changed.equals(bytes))
      writeFileSync(segment!.path, changed)
      const { findings } = await verifyJournal(place.folder, keep.head)
      assert.ok(findings.length > 0, `${one.kind} at ${one.at} was not found`)
    }),
    { numRuns: 1500 },
  )
  // Every byte once: the least edit there is.
  for (let at = 0; at < bytes.length; at++) {
    writeFileSync(segment!.path, edited(bytes, { at, kind: 'flip', value: 0x20 }))
    const { findings } = await verifyJournal(place.folder, keep.head)
    assert.ok(findings.length > 0, `byte ${at}`)
  }
})
