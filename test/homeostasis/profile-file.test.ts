import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { encode } from 'cborg'
import {
  DEFAULT_SETTINGS,
  decodeProfile,
  diffProfiles,
  encodeProfile,
  PROFILE_FILE_LIMIT,
  Profile,
  ProfileFileError,
  type ProfileRecord,
  pairCode,
  printProfile,
  printSequences,
  recordOf,
} from '#homeostasis'

const key = { binary: '/usr/bin/less', abi: 'x86-64' as const, window: 6, sha256: 'ab'.repeat(32) }
function someRecord(): ProfileRecord {
  const profile = new Profile(key, DEFAULT_SETTINGS)
  const task = profile.begin()
  for (const call of [59, 12, 12, 600, 1]) profile.process(task, call, 0)
  profile.names.set(600, 'fooctl')
  return recordOf(
    profile,
    { since: Date.UTC(2026, 0, 1), made: Date.UTC(2026, 0, 2) },
    { package: 'less 590' },
  )
}
const code = (file: Uint8Array, expected = {}) => {
  try {
    decodeProfile(file, expected)
  } catch (error) {
    assert.ok(error instanceof ProfileFileError)
    assert.ok(!error.message.includes('\n'))
    return error.code
  }
  return 'fine'
}
/** A file with a body of one's own choice and a hash that holds. */
function forged(body: unknown): Uint8Array {
  const head = Buffer.concat([Buffer.from('lymph profile\n'), Buffer.of(1)])
  const bytes = encode(body)
  return Buffer.concat([head, createHash('sha256').update(head).update(bytes).digest(), bytes])
}

describe('profile files', () => {
  it('are refused with a reason', () => {
    const file = encodeProfile(someRecord())
    assert.equal(code(file), 'fine')
    assert.equal(code(new Uint8Array()), 'not-a-profile')
    assert.equal(code(Buffer.from('#!/bin/sh\necho hello world\n')), 'not-a-profile')
    assert.equal(code(file.subarray(0, 20)), 'damaged')
    assert.equal(code(file.subarray(0, -1)), 'damaged')
    const newer = file.slice()
    newer[14] = 2
    assert.equal(code(newer), 'version')
    assert.equal(code(file, { window: 9 }), 'window')
    assert.equal(code(file, { abi: 'arm64' }), 'abi')
    assert.equal(code(new Uint8Array(PROFILE_FILE_LIMIT + 1)), 'too-large')
  })

  it('with a hash that holds over nonsense are refused too', () => {
    for (const body of [null, [], 7, 'text', {}, { binary: 1 }]) assert.equal(code(forged(body)), 'damaged')
  })

  it('hold names, origin, response, and what is known of single pairs', () => {
    const support = new Map([
      [pairCode(12, 59, 1), { first: 1, seen: 40, borrowed: false }],
      [pairCode(1, 600, 1), { first: 7, seen: 1, borrowed: true }],
    ])
    const record: ProfileRecord = { ...someRecord(), response: 'delay', support }
    const back = decodeProfile(encodeProfile(record))
    assert.deepEqual(back.key, key)
    assert.equal(back.response, 'delay')
    assert.equal(back.names.get(600), 'fooctl')
    assert.deepEqual(back.about, { package: 'less 590' })
    assert.deepEqual(back.support?.get(pairCode(1, 600, 1)), { first: 7, seen: 1, borrowed: true })
    const seen = back.support?.get(pairCode(12, 59, 1))?.seen ?? 0
    assert.ok(Math.abs(seen - 40) <= 2, `${seen} is within 5 % of 40`)
    assert.equal(back.support?.size, 2)
  })

  it('of which nothing is left that support was of are read like any other', () => {
    const record = someRecord()
    const rows = record.tables.rows.map((row) => ({ ...row, test: row.train, train: row.train.map(() => 0) }))
    const dropped = {
      ...record,
      tables: { ...record.tables, rows },
      support: new Map([[pairCode(12, 59, 1), { first: 1, seen: 40, borrowed: false }]]),
    }
    assert.equal(decodeProfile(encodeProfile(dropped)).support, undefined)
  })
})

describe('text views', () => {
  const names = (call: number) => ({ 1: 'write', 12: 'brk', 59: 'execve' })[call] ?? `syscall_${call}`

  it('print shows header and pairs by name', () => {
    const lines = [...printProfile(someRecord(), names)]
    assert.ok(lines.includes('binary      /usr/bin/less'))
    assert.ok(lines.includes('package     less 590'))
    assert.ok(lines.some((line) => /^state {7}learning$/.test(line)))
    assert.ok(
      lines.some((line) => /^brk +execve +12\.\.\. +\.\.\.\.\.$/.test(line)),
      lines.join('\n'),
    )
    assert.ok(lines.some((line) => /^write +fooctl +1\.\.\.\. /.test(line)))
    assert.ok(lines.some((line) => /^execve +\(start\) +12345 /.test(line)))
  })

  it('sequences shows what may precede each call, by distance', () => {
    const lines = [...printSequences(someRecord(), names)]
    const brk = lines.indexOf('brk')
    assert.deepEqual(lines.slice(brk + 1, brk + 3), ['  1 before: brk execve', '  2 before: execve (start)'])
    assert.deepEqual([...printSequences(someRecord(), names, 'test')], [])
  })

  it('diff names the pairs of one side', () => {
    const a = someRecord()
    const other = new Profile(key, DEFAULT_SETTINGS)
    const task = other.begin()
    for (const call of [59, 12, 12]) other.process(task, call, 0)
    const diff = diffProfiles(a.tables, other.toTables())
    assert.equal(diff.onlySecond.length, 0)
    assert.equal(diff.common, other.train.table.pairs)
    assert.ok(diff.onlyFirst.every((pair) => [600, 1].includes(pair.current)))
  })
})
