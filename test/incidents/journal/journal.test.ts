import assert from 'node:assert/strict'
import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { journalJsonSchema, readJournal, segmentsOf, verifyJournal } from '#incidents'
import { journalSchemaText, page } from '../../../scripts/docs/journal.ts'
import { entries, MemoryKeep, temporary, writer } from './support.ts'

const kindsOf = async (folder: string, keep: MemoryKeep) =>
  (await verifyJournal(folder, keep.head)).findings.map(({ kind }) => kind)

async function written(folder: string, count: number, limits = {}): Promise<MemoryKeep> {
  const keep = new MemoryKeep()
  const journal = await writer(folder, keep, limits)
  for (const entry of entries(count)) {
    journal.add(entry)
    await journal.flush()
  }
  await journal.close()
  return keep
}

test('docs/reference/journal.schema.json is what the records are', () => {
  assert.equal(readFileSync(page, 'utf8'), journalSchemaText(), 'run node scripts/docs/journal.ts')
})

test('what is added is read back, dense and linked, and every line is of the published schema', async () => {
  using place = temporary('journal')
  const keep = await written(place.folder, 9)
  const verified = await verifyJournal(place.folder, keep.head)
  assert.deepEqual([verified.records, verified.first, verified.last, verified.findings], [9, 1, 9, []])
  assert.deepEqual(verified.head, keep.head)
  const validate = new Ajv2020({ strict: false }).compile(journalJsonSchema())
  for await (const record of readJournal(place.folder))
    assert.ok(validate(record), JSON.stringify(validate.errors))
  assert.equal(
    validate({ seq: 1, at: 0, prev: '0'.repeat(64), hash: '0'.repeat(64), kind: 'nothing' }),
    false,
  )
})

test('it goes on where it was', async () => {
  using place = temporary('journal')
  const keep = await written(place.folder, 3)
  const again = await writer(place.folder, keep)
  again.add({ kind: 'started', host: 'a', version: '1' })
  const verified = await again.verify()
  assert.deepEqual([verified.last, verified.findings], [4, []])
})

test('a torn last line is mended, and the journal says so', async () => {
  using place = temporary('journal')
  const keep = await written(place.folder, 3)
  const [segment] = segmentsOf(place.folder)
  appendFileSync(segment!.path, '{"seq":4,"at":17900')
  assert.deepEqual(await kindsOf(place.folder, keep), ['torn'])
  const said: string[] = []
  const again = await writer(place.folder, keep, {}, said)
  assert.match(said[0]!, /a torn last line of 19 bytes was cut off/)
  assert.deepEqual((await again.verify()).findings, [])
  assert.deepEqual(
    (await again.records(({ kind }) => kind === 'mended')).map(({ seq }) => seq),
    [4],
  )
})

test('a cut, an edit, a hole, another order and a cut end are found, each as what it is', async () => {
  using place = temporary('journal')
  const keep = await written(place.folder, 9)
  const [segment] = segmentsOf(place.folder)
  const { path } = segment!
  const text = readFileSync(path, 'utf8')
  const lines = text.split('\n').slice(0, -1)
  const tryWith = async (changed: string[]) => {
    writeFileSync(path, changed.map((line) => `${line}\n`).join(''))
    return await kindsOf(place.folder, keep)
  }
  assert.deepEqual(await tryWith(lines), [])
  assert.deepEqual(await tryWith(lines.slice(2)), ['cut'])
  assert.deepEqual(await tryWith(lines.map((line, n) => (n === 3 ? line.replace('ring', 'king') : line))), [
    'edit',
    'hole',
  ])
  assert.deepEqual(await tryWith(lines.filter((_, n) => n !== 4)), ['hole'])
  assert.deepEqual(await tryWith(lines.slice(0, 7)), ['truncated'])
  assert.deepEqual(await tryWith([]), ['truncated'])
  const swapped = [...lines.slice(0, 3), lines[4]!, lines[3]!, ...lines.slice(5)]
  assert.deepEqual(await tryWith(swapped), ['hole', 'reorder', 'hole'])
  assert.deepEqual(await tryWith([...lines, lines[4]!]), ['reorder', 'truncated'])
})

test('a journal written anew with its own hashes is found by the head that was kept', async () => {
  using place = temporary('journal')
  using other = temporary('journal')
  const keep = await written(place.folder, 5)
  const journal = await writer(other.folder, new MemoryKeep())
  for (const entry of entries(8)) journal.add({ ...entry, ...(entry.kind === 'gap' ? { lost: 0 } : {}) })
  await journal.close()
  const verified = await verifyJournal(other.folder, keep.head)
  assert.deepEqual(
    verified.findings.map(({ kind, seq }) => [kind, seq]),
    [['edit', 5]],
  )
})

test('records that another program added to the file are found while the daemon runs', async () => {
  using place = temporary('journal')
  const keep = new MemoryKeep()
  const journal = await writer(place.folder, keep)
  journal.add({ kind: 'started', host: 'a', version: '1' })
  await journal.flush()
  const foreign = await writer(place.folder, new MemoryKeep())
  foreign.add({ kind: 'gap', what: 'sensor', why: 'forged', lost: 1 })
  await foreign.close()
  assert.deepEqual(
    (await journal.verify()).findings.map(({ kind }) => kind),
    ['added'],
  )
})

test('an end that was cut off leaves a hole that stays, and a record that tells of it', async () => {
  using place = temporary('journal')
  const keep = await written(place.folder, 6)
  rmSync(segmentsOf(place.folder)[0]!.path)
  const said: string[] = []
  const again = await writer(place.folder, keep, {}, said)
  again.add({ kind: 'started', host: 'a', version: '1' })
  await again.flush()
  const verified = await again.verify()
  assert.deepEqual(
    verified.findings.map(({ kind }) => kind),
    ['cut'],
  )
  assert.deepEqual([verified.first, verified.last], [7, 8])
  const [gap] = await again.records(({ kind }) => kind === 'gap')
  assert.equal(gap?.kind === 'gap' && gap.lost, 6)
  assert.match(said[0]!, /had been written/)
})

test('it never has more on the disk than it may, and giving up the oldest is no finding', async () => {
  using place = temporary('journal')
  const limits = { segmentBytes: 4000, totalBytes: 20_000 }
  const keep = new MemoryKeep()
  const journal = await writer(place.folder, keep, limits)
  for (const entry of entries(300)) {
    journal.add(entry)
    await journal.flush()
    // One record beyond a segment's bound is what the bound may be missed by.
    assert.ok(journal.gauge().bytes <= limits.totalBytes + 1000)
  }
  const verified = await journal.verify()
  assert.deepEqual(verified.findings, [])
  assert.ok(verified.first > 100, `begins at ${verified.first}`)
  assert.ok(readdirSync(place.folder).length <= 6)
  const segments = segmentsOf(place.folder)
  rmSync(segments[0]!.path)
  assert.deepEqual(
    (await journal.verify()).findings.map(({ kind }) => kind),
    ['cut'],
  )
  rmSync(segments[2]!.path)
  assert.ok((await journal.verify()).findings.some(({ kind }) => kind === 'hole'))
})

test('what cannot be written waits, in order and bounded; the rest is counted and told', async () => {
  using place = temporary('journal')
  const folder = join(place.folder, 'journal')
  const said: string[] = []
  const journal = await writer(folder, new MemoryKeep(), { waiting: 5 }, said)
  rmSync(folder, { recursive: true })
  for (let n = 0; n < 8; n++) journal.add({ kind: 'gap', what: 'sensor', why: `${n}`, lost: 1 })
  await journal.flush()
  assert.equal(journal.gauge().waiting, 5)
  assert.equal(journal.gauge().lost, 3)
  assert.equal(said.length, 1)
  await writer(folder, new MemoryKeep())
  await journal.flush()
  const told = await journal.records(() => true)
  assert.deepEqual(
    told.map((record) => record.kind === 'gap' && [record.what, record.why.slice(0, 1), record.lost]),
    [...[0, 1, 2, 3, 4].map((n) => ['sensor', String(n), 1]), ['journal', 't', 3]],
  )
  assert.deepEqual((await journal.verify()).findings, [])
})
