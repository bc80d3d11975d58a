import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import AjvDraft04 from 'ajv-draft-04'
import addFormats from 'ajv-formats'
import fc from 'fast-check'
import {
  exportIncidents,
  type Incident,
  IncidentBook,
  type IncidentMore,
  ntpStamp,
  toIdmef,
  toIdmefV2,
  toOcsf,
  toSyslog,
  visible,
} from '#incidents'
import { ocsfSchema } from './ocsf-schema.ts'
import { context, hosts, incidents } from './support.ts'

const schemas = '../shared/data/schemas'
const dtd = `${schemas}/idmef-message.dtd`
const v2Schema = `${schemas}/IDMEFv2.schema`
const noXmllint = spawnSync('xmllint', ['--version']).error
  ? 'xmllint is missing (Debian: apt-get install libxml2-utils)'
  : !existsSync(dtd) && `${dtd} is missing`

/** What xmllint says of a document; '' when it is valid. */
function lint(document: string): string {
  const { status, stderr } = spawnSync('xmllint', ['--noout', '--nonet', '--huge', '--dtdvalid', dtd, '-'], {
    input: document,
    encoding: 'utf8',
  })
  return status === 0 ? '' : stderr || `status ${status}`
}

/** Incidents as the book makes them out of anomalies. */
function real(): Incident[] {
  const book = new IncidentBook()
  const of = { sha256: 'a'.repeat(64), abi: 'x86-64', window: 6 } as const
  for (let n = 0; n < 300; n++)
    book.observe(
      {
        pid: 100 + n,
        current: n % 330,
        previous: [0, 1, 511, 510, n],
        missing: n % 32,
        lfc: n % 40,
        maxLfc: n % 40,
      },
      { ...of, binary: `/usr/bin/program-${n % 40}` },
      1_790_000_000_000 + n * 1000,
    )
  for (const [n, { id }] of book.list().entries()) if (n % 3 === 0) book.resolve(id)
  return book.list()
}

const all = (): IncidentMore[] => [
  ...(real() as IncidentMore[]),
  ...fc.sample(incidents, { numRuns: 160, seed: 7 }),
]

test('200 incidents, hostile ones among them: each alone and all together validate against the IDMEF DTD', {
  skip: noXmllint,
}, () => {
  const many = all()
  assert.equal(many.length, 200)
  assert.equal(lint(toIdmef(many, context)), '')
  for (const one of many) assert.equal(lint(toIdmef([one], context)), '', JSON.stringify(one))
  assert.equal(lint(toIdmef([], context)), '')
  for (const host of fc.sample(hosts, { numRuns: 20, seed: 3 }))
    assert.equal(lint(toIdmef(many.slice(0, 3), { ...context, host, peer: host, kernel: host })), '', host)
  // The check itself must be able to fail.
  assert.notEqual(lint(toIdmef(many, context).replaceAll('Classification', 'Classified')), '')
})

test('IDMEFv2: every message is of the schema of draft 08', {
  skip: !existsSync(v2Schema) && `${v2Schema} is missing`,
}, () => {
  const ajv = new AjvDraft04.default({ strict: false, allErrors: true })
  addFormats.default(ajv as never)
  const validate = ajv.compile(JSON.parse(readFileSync(v2Schema, 'utf8')))
  for (const one of all()) {
    assert.ok(validate(toIdmefV2(one, context)), JSON.stringify(validate.errors))
    assert.ok(
      validate(toIdmefV2(one, { ...context, host: one.binary, peer: '' })),
      JSON.stringify(validate.errors),
    )
  }
  assert.equal(validate({ ...toIdmefV2(all()[0]!, context), Priority: 'Grave' }), false)
})

test('OCSF: every message is a Detection Finding with its required attributes', () => {
  for (const one of all()) {
    const message = JSON.parse(JSON.stringify(toOcsf(one, context)))
    const parsed = ocsfSchema.safeParse(message)
    assert.ok(parsed.success, parsed.error?.message)
  }
})

/** RFC 5424 section 6, as a grammar; the groups are PRI, host, structured data and message. */
const syslogLine =
  /^<(\d{1,3})>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ([!-~]{1,255}) lymph - incident \[lymph@32473((?: [!#-<>-\\^-~]{1,32}="(?:[^"\\\]]|\\["\\\]])*")+)\] \ufeff(.*)$/u

test('syslog: one line each, by the grammar of RFC 5424, and what was escaped reads back', () => {
  for (const one of all()) {
    const line = toSyslog(one, context)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be there
    assert.doesNotMatch(line, /[\u0000-\u001f\u007f]/)
    const match = syslogLine.exec(line)
    assert.ok(match, line)
    assert.ok(Number(match[1]) <= 191)
    const binary = / binary="((?:[^"\\\]]|\\["\\\]])*)"/.exec(match[3]!)![1]!.replace(/\\(["\\\]])/g, '$1')
    assert.equal(binary, visible(one.binary, 512))
  }
  for (const host of fc.sample(hosts, 50)) assert.match(toSyslog(all()[0]!, { ...context, host }), syslogLine)
})

test('JSON lines: one each, and nothing is lost', () => {
  const many = all()
  const lines = exportIncidents('json', many, context).trimEnd().split('\n')
  assert.equal(lines.length, many.length)
  for (const [n, line] of lines.entries())
    assert.deepEqual(
      JSON.parse(line),
      JSON.parse(JSON.stringify({ host: context.host, peer: context.peer, ...many[n] })),
    )
})

test('NTP stamps are those of the reference, and go on in the next era', () => {
  assert.equal(ntpStamp(Date.parse('2026-11-23T06:10:42.500Z')), '0xeeae5762.0x80000000')
  assert.equal(ntpStamp(Date.parse('2036-02-07T06:28:16.000Z')), '0x00000000.0x00000000')
})

test('an id is the same for the same incident, another for another, and a UUID of version 7', () => {
  const [one, two] = all() as [IncidentMore, IncidentMore]
  const id = (of: IncidentMore, host = 'a') => toIdmefV2(of, { ...context, host }).ID
  assert.equal(id(one), id(one))
  assert.notEqual(id(one), id(two))
  assert.notEqual(id(one), id(one, 'b'))
  assert.match(String(id(one)), /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})

test('text of strangers is made visible, once', () => {
  assert.equal(
    visible('a\u001b[2J\u0000\ud800\u202e\uffff<é\u{1f600}'),
    'a\\x1b[2J\\x00\ufffd\\u202e\\uffff<é\u{1f600}',
  )
  assert.equal(visible('x'.repeat(10), 4), 'xxx…')
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => visible(visible(text)) === visible(text)))
})
