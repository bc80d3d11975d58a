/** What an exec started, as the software sensor finds it, and what it does when files change or there is no room. */
import assert from 'node:assert/strict'
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import {
  type CallSource,
  ExecutableFinder,
  elfAbi,
  interpreterOf,
  type Program,
  type SensorEvent,
  type SensorTotals,
  SoftwareSensor,
  sha256Of,
} from '#sensor'
import { hostAbi, type TraceEvent } from '#syscalls'

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'lymph-test-')))
after(() => rmSync(folder, { recursive: true, force: true }))
const shell = realpathSync('/bin/sh')
/** No task has this number: whatever is asked of /proc is answered by nobody. */
const NOBODY = 2 ** 30

describe('ExecutableFinder', () => {
  const finder = new ExecutableFinder(hostAbi(), folder)

  it('resolves links and relative paths, and identifies the file', async () => {
    copyFileSync(shell, join(folder, 'program'))
    symlinkSync('program', join(folder, 'link'))
    for (const name of [join(folder, 'link'), './program', 'link']) {
      const { executable, file } = await finder.find(NOBODY, name)
      assert.equal(executable.path, join(folder, 'program'))
      assert.equal(executable.abi, hostAbi())
      assert.equal(file?.sha256, await sha256Of(shell))
      assert.equal(file?.sizeBytes, readFileSync(shell).length)
    }
  })

  it('names the interpreter of a script, also of an interpreter that is one', async () => {
    writeFileSync(join(folder, 'script'), '#! /bin/sh -e\ntrue\n', { mode: 0o755 })
    writeFileSync(join(folder, 'outer'), `#!${join(folder, 'script')}\n`, { mode: 0o755 })
    assert.equal((await finder.find(NOBODY, join(folder, 'script'))).executable.path, shell)
    assert.equal((await finder.find(NOBODY, join(folder, 'outer'))).executable.path, shell)
  })

  it('takes a path as it stands when the file is gone, and says that it is not identified', async () => {
    const { executable, file, unidentified } = await finder.find(NOBODY, '/no/such/program')
    assert.deepEqual([executable.path, file], ['/no/such/program', undefined])
    assert.match(unidentified ?? '', /ENOENT/)
  })

  it('notices that a file changed', async () => {
    const path = join(folder, 'changing')
    writeFileSync(path, 'one')
    const first = (await finder.find(NOBODY, path)).file
    assert.equal((await finder.find(NOBODY, path)).file, first, 'unchanged: not read again')
    writeFileSync(path, 'another')
    assert.notEqual((await finder.find(NOBODY, path)).file?.sha256, first?.sha256)
  })

  it('reads headers', () => {
    const elf = Buffer.alloc(20)
    elf.writeUInt32BE(0x7f454c46)
    for (const [machine, abi] of [
      [3, 'i386'],
      [62, 'x86-64'],
      [183, 'arm64'],
      [8, undefined],
    ] as const) {
      elf.writeUInt16LE(machine, 18)
      assert.equal(elfAbi(elf), abi)
    }
    assert.equal(elfAbi(Buffer.from('#!/bin/sh')), undefined)
    assert.equal(interpreterOf(Buffer.from('#!/usr/bin/env node\n')), '/usr/bin/env')
    assert.equal(interpreterOf(Buffer.from('#!  /bin/sh\t-x\n')), '/bin/sh')
    assert.equal(interpreterOf(Buffer.from('#!\n')), undefined)
    assert.equal(interpreterOf(Buffer.from('true\n')), undefined)
  })
})

/** A source whose programs are what the test says they are. */
function sourceOf(
  events: TraceEvent[],
  program: (binary: string) => Partial<Program['executable']> & { sha256: string },
) {
  const source: CallSource = {
    kind: 'trace',
    abi: 'x86-64',
    names: new Map(),
    foreignCalls: 3,
    open: async () => {},
    close: async () => {},
    async *events() {
      yield events
    },
    async program(_task, binary) {
      const { sha256, ...over } = program(binary)
      return {
        executable: {
          path: binary,
          abi: 'x86-64',
          device: 1,
          inode: '1',
          generation: 0,
          mountNamespace: 0,
          deleted: false,
          ...over,
        },
        file: { sha256, sizeBytes: 1, mtimeMs: 1, ctimeMs: 1 },
      }
    },
  }
  return source
}

async function watch(source: CallSource, options: { profilesLimit?: number } = {}) {
  const events: SensorEvent[] = []
  const sensor = new SoftwareSensor(source, options)
  sensor.onEvent((event) => events.push(event))
  const settings = { window: 6, anomalyLimit: 30, tolerizeLimit: 12, localityWindow: 128, delayLimitMs: 0 }
  await sensor.start({ ...settings, defaultDelayUnitMs: 0 }, [])
  await sensor.ended()
  const tick = events.find((event) => event.type === 'tick')
  return { events, sensor, totals: tick?.totals as SensorTotals }
}

const runOf = (task: number, binary: string, calls: number[]): TraceEvent[] => [
  { type: 'exec', task, binary },
  ...calls.map((call): TraceEvent => ({ type: 'call', task, call })),
  { type: 'exit', task },
]

describe('programs of the software sensor', () => {
  it('a file written over in place: its profile is emptied, and it is said', async () => {
    const contents = ['a'.repeat(64), 'b'.repeat(64)]
    const events = [...runOf(7, '/p', [1, 2, 3]), ...runOf(8, '/p', [4])]
    const { events: told, sensor } = await watch(sourceOf(events, () => ({ sha256: contents.shift() ?? '' })))
    const changed = told.filter((event) => event.type === 'file-changed')
    assert.deepEqual(
      changed.map(({ profile, file }) => [profile, file.sha256]),
      [[1, 'b'.repeat(64)]],
    )
    assert.deepEqual(
      (await sensor.tables(1)).rows.map((row) => row.current),
      [4],
    )
  })

  it('a file that took the place of another is a profile of its own', async () => {
    const files = [
      { sha256: 'a'.repeat(64), inode: '1' },
      { sha256: 'b'.repeat(64), inode: '2' },
    ]
    const events = [...runOf(7, '/p', [1]), ...runOf(8, '/p', [4])]
    const { sensor } = await watch(sourceOf(events, () => files.shift() as { sha256: string; inode: string }))
    assert.equal((await sensor.tables(1)).calls, 1)
    assert.equal((await sensor.tables(2)).calls, 1)
  })

  it('counts what it cannot watch: no room is lost; another ABI, no program yet and restarts are skipped', async () => {
    const events: TraceEvent[] = [
      { type: 'call', task: 1, call: 59 },
      ...runOf(1, '/first', [1, 219, 2]),
      ...runOf(2, '/second', [1, 2, 3, 4]),
      ...runOf(3, '/other-abi', [5]),
    ]
    const abiOf = (binary: string) => (binary === '/other-abi' ? ('i386' as const) : ('x86-64' as const))
    const source = sourceOf(events, (binary) => ({ sha256: 'c'.repeat(64), abi: abiOf(binary) }))
    const { totals } = await watch(source, { profilesLimit: 1 })
    const { seen, processed, skipped, lost, profiles } = totals
    // Skipped: one before any exec, one restart, one of another ABI, and three the source told no more of.
    assert.deepEqual(
      { seen, processed, skipped, lost, profiles },
      { seen: 12, processed: 2, skipped: 6, lost: 4, profiles: 1 },
    )
  })
})
