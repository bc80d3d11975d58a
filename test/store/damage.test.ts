import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import {
  appendFileSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import type { StoreError } from '#store'
import { all, key, listener, open, record, stateFolder } from './support.ts'

const database = (state: string) => join(state, 'store/level')

function fileIn(state: string, pattern: RegExp): string {
  const name = readdirSync(database(state)).find((one) => pattern.test(one))
  assert.ok(name, `no ${pattern} in ${readdirSync(database(state))}`)
  return join(database(state), name)
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file)
  bytes[at] = (bytes[at] as number) ^ 0xff
  writeFileSync(file, bytes)
}

async function filled(state: string, records = 200): Promise<void> {
  const store = await open(state)
  for (let n = 0; n < records; n++) {
    const noise = Buffer.alloc(500, `${n} noise that does not shrink ${Math.sin(n)}`)
    await store.profiles.put(key(`/usr/bin/p${n}`), record(`/usr/bin/p${n}`, noise))
    await store.journal.append([{ n }])
  }
  await store.close()
}

/** Starts the writer and resolves with it once it has had `count` lines acknowledged. */
function writing(state: string, count: number): Promise<{ child: ChildProcess; lines: string[] }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'writer.ts'), state], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the writer ended with ${code}`)))
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      lines.push(line)
      if (lines.length === count) resolve({ child, lines })
    })
  })
}

test('kill -9 of a writer: everything acknowledged is there, and no batch is torn', async (t) => {
  const state = stateFolder(t)
  const { child, lines } = await writing(state, 300)
  await assert.rejects(open(state), (error: StoreError) => {
    assert.equal(error.code, 'locked')
    assert.match(error.message, new RegExp(`another daemon uses this state \\(pid ${child.pid}\\)`))
    return true
  })
  const ended = new Promise((resolve) => child.stdout?.once('close', resolve))
  child.kill('SIGKILL')
  await ended
  const acknowledged = Number(lines.at(-1))

  const store = await open(state)
  t.after(() => store.close())
  const health = await store.health()
  assert.equal(health.state, 'ok')
  assert.deepEqual([health.damaged, health.missing], [{}, {}])
  const { last, holes } = store.journal.health()
  assert.ok(last >= acknowledged, `journal ends at ${last}, ${acknowledged} were acknowledged`)
  assert.deepEqual(holes, [])
  const pairs = new Map(await all(store.records<number>('pair').list()))
  for (let n = 0; n < 50; n++)
    assert.equal(pairs.get(`left-${n}`), pairs.get(`right-${n}`), `pair ${n} is torn`)
  assert.ok(Math.max(...pairs.values()) >= acknowledged)
  assert.ok((await all(store.keyValue('loose').list())).length >= acknowledged)
  for (const [{ binary }, { file }] of await all(store.profiles.list())) {
    const mirrored = readFileSync(join(state, 'profiles', binary))
    // The store comes first: the file may be one save behind, never half of one.
    assert.equal(mirrored.length, 2000)
    assert.ok(mirrored.every((byte) => byte === mirrored[0]))
    assert.equal(file.length, 2000)
  }
})

test('an emptied CURRENT is repaired without a loss', async (t) => {
  const state = stateFolder(t)
  await filled(state)
  truncateSync(join(database(state), 'CURRENT'))
  const heard = listener()
  const store = await open(state, heard)
  t.after(() => store.close())
  const health = await store.health()
  assert.equal(health.state, 'repaired')
  assert.deepEqual(
    health.steps.map(({ step, ok }) => `${step} ${ok}`),
    ['open false', 'repair true', 'verify true'],
  )
  assert.equal(heard.lines.length, 3)
  assert.equal((await all(store.profiles.list())).length, 200)
  assert.equal((await all(store.journal.read())).length, 200)
})

test('a missing CURRENT is repaired, not taken for a new store', async (t) => {
  const state = stateFolder(t)
  await filled(state, 50)
  rmSync(join(database(state), 'CURRENT'))
  const store = await open(state)
  t.after(() => store.close())
  assert.equal((await store.health()).state, 'repaired')
  assert.equal((await all(store.profiles.list())).length, 50)
})

test('a truncated log loses its end and nothing else', async (t) => {
  const state = stateFolder(t)
  await filled(state)
  const log = fileIn(state, /\.log$/)
  truncateSync(log, statSync(log).size - 3000)
  const store = await open(state)
  t.after(() => store.close())
  const kept = (await all(store.profiles.list())).length
  assert.ok(kept >= 190 && kept < 200, `${kept} of 200 are left`)
  const { last, holes } = store.journal.health()
  assert.deepEqual(holes, [])
  assert.ok(last < 200 && last >= 190)
})

test('a byte flipped in the middle of the log: the hole is told', async (t) => {
  const state = stateFolder(t)
  await filled(state)
  const log = fileIn(state, /\.log$/)
  flip(log, Math.floor(statSync(log).size / 2))
  const heard = listener()
  const store = await open(state, heard)
  t.after(() => store.close())
  const kept = await all(store.profiles.list())
  const health = await store.health()
  assert.ok(kept.length < 200, 'LevelDB dropped the block')
  assert.equal(health.missing.profiles, 200 - kept.length)
  assert.ok(health.journal.holes.length > 0)
  assert.ok(heard.lines.some((line) => /of the profiles are gone/.test(line)))
  assert.ok(heard.lines.some((line) => /the journal has lost/.test(line)))

  // The mirror has them all: what the log lost comes back.
  const restored = await store.profiles.restoreFromMirror((file) => {
    const binary = `/usr/bin/p${/^\d+/.exec(Buffer.from(file).toString())?.[0]}`
    return { key: key(binary), record: record(binary, file) }
  })
  assert.equal(restored.restored, 200 - kept.length)
  assert.equal(restored.known, kept.length)
  assert.equal((await all(store.profiles.list())).length, 200)
})

test('a flipped byte in a table is noticed, and nothing damaged is handed out', async (t) => {
  const state = stateFolder(t)
  await filled(state)
  // Opening again turns the log into a table.
  await (await open(state)).close()
  const table = fileIn(state, /\.ldb$/)
  flip(table, Math.floor(statSync(table).size / 3))
  const heard = listener()
  const store = await open(state, heard)
  t.after(() => store.close())
  const health = await store.health()
  // Where LevelDB compressed the block, reading fails and it is repaired; else only the checksum knows.
  assert.ok(health.state !== 'ok' || Object.keys(health.damaged).length > 0, JSON.stringify(health))
  assert.ok(heard.lines.length > 0)
  for (const [{ binary }, { file }] of await all(store.profiles.list()))
    assert.equal(Buffer.from(file).toString().split(' ')[0], binary.slice('/usr/bin/p'.length))
  const back = await store.profiles.restoreFromMirror((file) => {
    const binary = `/usr/bin/p${/^\d+/.exec(Buffer.from(file).toString())?.[0]}`
    return { key: key(binary), record: record(binary, file) }
  })
  assert.equal(back.restored + back.known, 200)
})

test('rubbish for a store is moved aside, never deleted, and the mirror gives the profiles back', async (t) => {
  const state = stateFolder(t)
  await filled(state, 20)
  for (const name of readdirSync(database(state)))
    writeFileSync(join(database(state), name), `rubbish ${name}\n`)
  rmSync(fileIn(state, /^MANIFEST/))
  const heard = listener()
  const store = await open(state, heard)
  t.after(() => store.close())
  const health = await store.health()
  if (health.state === 'emptied') {
    assert.equal(health.aside.length, 1)
    assert.match(readFileSync(join(health.aside[0] as string, 'LOG.old'), 'utf8'), /rubbish|Repair/i)
    assert.ok(
      heard.lines.some((line) => line.startsWith('error') && line.includes(health.aside[0] as string)),
    )
  }
  assert.deepEqual(await all(store.profiles.list()), [])
  // A learner that saves before anything was read back must not write over the only copy.
  await store.profiles.put(key('/usr/bin/p3'), record('/usr/bin/p3', Buffer.from('3 new')))
  assert.match(readFileSync(join(state, 'profiles/usr/bin/p3'), 'utf8'), /^3 noise/)
  const back = await store.profiles.restoreFromMirror((file) => {
    const text = Buffer.from(file).toString()
    if (!/^\d+ /.test(text)) throw new Error('no profile')
    const binary = `/usr/bin/p${text.split(' ')[0]}`
    return { key: key(binary), record: record(binary, file) }
  })
  assert.equal(back.restored, 19)
  assert.equal(Buffer.from((await store.profiles.get(key('/usr/bin/p3')))?.file ?? []).toString(), '3 new')
})

test('a damaged single record is left out, told once and counted', async (t) => {
  const state = stateFolder(t)
  const { database: level } = await import('../../src/store/engine.ts')
  const store = await open(state)
  await store.profiles.putAll(['/a', '/b', '/c'].map((path) => [key(path), record(path, Buffer.from(path))]))
  await store.settings.put('window', 6)
  await store.close()
  const raw = level(database(state))
  await raw.open()
  const entries = await raw.iterator({ gte: '!profiles!', lt: '!profiles"' }).all()
  const [, [name, sealed]] = entries as [[string, Uint8Array], [string, Uint8Array]]
  const bytes = Uint8Array.from(sealed)
  bytes[bytes.length - 5] = (bytes[bytes.length - 5] as number) ^ 1
  await raw.put(name, bytes)
  // A record that was copied to another key does not pass either.
  await raw.put('!settings!other', (await raw.get('!settings!window')) as Uint8Array)
  await raw.close()

  const heard = listener()
  const again = await open(state, heard)
  t.after(() => again.close())
  for (let n = 0; n < 3; n++)
    assert.deepEqual(
      (await all(again.profiles.list())).map(([{ binary }]) => binary),
      ['/a', '/c'],
    )
  assert.equal(await again.profiles.get(key('/b')), undefined)
  assert.equal(await again.settings.get('other'), undefined)
  assert.equal(heard.lines.filter((line) => line.includes('damaged record left out')).length, 2)
  assert.deepEqual((await again.health()).damaged, { profiles: 1, settings: 1 })
  await again.profiles.put(key('/b'), record('/b', Buffer.from('again')))
  assert.equal((await all(again.profiles.list())).length, 3)
})

test('a store that cannot be made says so and moves nothing', async (t) => {
  const state = stateFolder(t)
  appendFileSync(join(state, 'store'), 'a file, no folder')
  await assert.rejects(open(state), (error: StoreError) => {
    assert.equal(error.code, 'not-writable')
    assert.match(error.message, /--state DIR/)
    return true
  })
  assert.equal(readFileSync(join(state, 'store'), 'utf8'), 'a file, no folder')
})
