import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  ClassBoard,
  ClassError,
  canonify,
  hostClasses,
  isClassName,
  isSubject,
  SUBJECT_BYTES,
  subjectOf,
} from '#classes'

const changes = (list: { change: string; class: { name: string } }[]) =>
  list.map((one) => `${one.change} ${one.class.name}`)

test('a timed class ends, a semaphore stands until it is taken away', () => {
  const board = new ClassBoard()
  assert.deepEqual(changes(board.set('www_in_high', 'environment', 300, 1000)), ['set www_in_high'])
  assert.deepEqual(changes(board.set('ph_sequence_anomaly', 'incidents', 0, 1000)), [
    'set ph_sequence_anomaly',
  ])
  assert.deepEqual(board.at(1299), [
    { name: 'ph_sequence_anomaly', source: 'incidents', since: 1000, until: 0 },
    { name: 'www_in_high', source: 'environment', since: 1000, until: 1300 },
  ])
  assert.deepEqual(
    board.at(1300).map(({ name }) => name),
    ['ph_sequence_anomaly'],
  )
  assert.equal(board.holds('www_in_high', 1300), false)
  assert.deepEqual(changes(board.expire(1300)), ['expired www_in_high'])
  assert.equal(board.holds('ph_sequence_anomaly', 1e15), true)
  assert.deepEqual(changes(board.unset('ph_sequence_anomaly')), ['unset ph_sequence_anomaly'])
  assert.deepEqual(board.at(1300), [])
})

test('setting again lets it hold longer, never shorter, and keeps its beginning', () => {
  const board = new ClassBoard()
  board.set('a', 'x', 1000, 0)
  assert.deepEqual(changes(board.set('a', 'x', 10, 500)), ['refreshed a'])
  assert.deepEqual(board.at(600), [{ name: 'a', source: 'x', since: 0, until: 1000 }])
  board.set('a', 'x', 0, 700)
  board.set('a', 'x', 10, 800)
  assert.deepEqual(board.at(1e12), [{ name: 'a', source: 'x', since: 0, until: 0 }])
})

test('what one source set another cannot take away', () => {
  const board = new ClassBoard()
  board.set('a', 'mesh', 0, 0)
  board.set('a', 'incidents', 0, 1)
  assert.deepEqual(changes(board.unset('a', 'mesh')), ['unset a'])
  assert.equal(board.holds('a', 2), true)
  assert.deepEqual(changes(board.unset('a')), ['unset a'])
  assert.equal(board.holds('a', 2), false)
})

test('at the cap the first to end makes room, semaphores never do', () => {
  const board = new ClassBoard(3)
  board.set('s', 'x', 0, 0)
  board.set('late', 'x', 900, 0)
  board.set('soon', 'x', 100, 0)
  assert.deepEqual(changes(board.set('new', 'x', 0, 1)), ['evicted soon', 'set new'])
  assert.deepEqual(changes(board.set('more', 'x', 0, 1)), ['evicted late', 'set more'])
  assert.deepEqual(changes(board.set('even_more', 'x', 50, 1)), ['refused even_more'])
  assert.deepEqual(board.gauge(), { classes: 3, limit: 3, evicted: 2, refused: 1 })
})

test('names that no class can have are refused', () => {
  const board = new ClassBoard()
  for (const name of ['', 'a b', 'a.b', 'a-b', 'ä', 'x'.repeat(129)])
    assert.throws(() => board.set(name, 'x', 0, 0), ClassError)
  for (const life of [-1, Number.NaN, Number.POSITIVE_INFINITY])
    assert.throws(() => board.set('a', 'x', life, 0), ClassError)
  assert.equal(canonify('/usr/sbin/nginx'), '_usr_sbin_nginx')
  fc.assert(fc.property(fc.string({ minLength: 1, unit: 'binary' }), (text) => isClassName(canonify(text))))
})

test('restoring brings back what still holds', () => {
  const board = new ClassBoard()
  const saved = [
    { name: 'stands', source: 'x', since: 1, until: 0 },
    { name: 'over', source: 'x', since: 1, until: 10 },
  ]
  board.restore(saved, 10)
  assert.deepEqual(board.at(10), [saved[0]])
})

test('the classes of a host', () => {
  const osRelease = `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n# ID=other\n`
  const facts = { platform: 'Linux', machine: 'x86_64', hostname: 'web-7.example.org', osRelease }
  assert.deepEqual(hostClasses(facts), [
    'any',
    'linux',
    'x86_64',
    'linux_x86_64',
    'web_7_example_org',
    'web_7',
    'debian',
    'debian_12',
  ])
  const ubuntu = hostClasses({ ...facts, osRelease: `ID=ubuntu\nID_LIKE='debian'\nVERSION_ID="24.04"` })
  for (const name of ['ubuntu', 'ubuntu_24_04', 'ubuntu_24', 'debian']) assert.ok(ubuntu.includes(name), name)
  assert.ok(hostClasses({ ...facts, osRelease: '' }).includes('linux'))
})

test('a subject is printable, short, the same for the same path and different for others', () => {
  assert.equal(subjectOf('/usr/bin/less'), '/usr/bin/less')
  assert.equal(subjectOf('/tmp/\u202egnp.exe\n'), '/tmp/\\u{202e}gnp.exe\\u{a}')
  const long = `/nix/${'x'.repeat(4000)}`
  assert.ok(Buffer.byteLength(subjectOf(long)) <= SUBJECT_BYTES)
  assert.notEqual(subjectOf(`${long}a`), subjectOf(`${long}b`))
  // Wherever the cut falls, in a character or in an escape.
  for (const character of ['\u202e', '\u{1f600}', '\u{e0001}'])
    for (let shift = 0; shift < 12; shift++)
      assert.ok(isSubject(subjectOf(`/${'x'.repeat(shift)}${character.repeat(1000)}`)), `${shift}`)
  const path = fc.oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 400 }),
    fc.constantFrom('\\u{a}', '\n', '\\', '/\\~0123456789abcdef'),
  )
  fc.assert(
    fc.property(path, path, (one, other) => {
      assert.ok(isSubject(subjectOf(one)), subjectOf(one))
      if (one.toWellFormed() !== other.toWellFormed()) assert.notEqual(subjectOf(one), subjectOf(other))
    }),
    { numRuns: 3000 },
  )
  for (const bad of ['', '/a\nb', '/\u001b[31m', '/\u202e', '/a\\b', 'x'.repeat(161)])
    assert.equal(isSubject(bad), false, JSON.stringify(bad))
})
