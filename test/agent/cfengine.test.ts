/** cfengine 2 policies brought over: what the paper's two become, and what is refused. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { importCfengine, PolicyError, promiseTypes, readPolicy } from '#agent'

const fixture = (name: string) => readFileSync(new URL(`cfengine/${name}.cf`, import.meta.url), 'utf8')
const policyOf = (name: string) =>
  readPolicy(importCfengine(fixture(name), `${name}.cf`).yaml, `${name}.yaml`, {
    types: promiseTypes,
    known: ['any', 'linux'],
  })

const faults = (text: string): readonly string[] => {
  try {
    importCfengine(text, 'x.cf')
  } catch (error) {
    assert.ok(error instanceof PolicyError, String(error))
    return error.faults
  }
  return []
}

describe('policy import', () => {
  it('the first of the paper: offenders stopped, files looked at, a command, in the order of the actionsequence', () => {
    const { promises } = policyOf('paper-sequence')
    assert.deepEqual(
      promises.map(({ type, guardText }) => [type.name, guardText]),
      [
        ['processes', 'ph_sequence_anomaly'],
        ['files', 'ph_sequence_anomaly'],
        ['commands', 'offender_stopped.(working_hours|!working_hours)'],
      ],
    )
    const [processes] = promises
    const body = processes?.body as Record<string, unknown>
    assert.deepEqual(body.filter, ['ph_sequence'])
    assert.equal(body.act, 'stop')
    assert.deepEqual(processes?.define.repaired, ['offender_stopped'])
    assert.equal(processes?.expireafterMs, 600_000)
  })

  it('the second: filters with a result, hup and kill, a command line with quotes', () => {
    const { promises, filters } = policyOf('paper-load')
    assert.deepEqual([...filters.keys()].sort(), ['busy_other', 'busy_web', 'ph_load', 'ph_sequence'])
    assert.deepEqual(
      promises.map(({ type, body }) => [type.name, (body as { act?: string }).act]),
      [
        ['commands', undefined],
        ['processes', 'signal'],
        ['processes', 'kill'],
      ],
    )
    const [command] = promises
    assert.deepEqual((command!.body as { argv: string[] }).argv, [
      '/bin/sh',
      '/tmp/lymph-paper-load.sh',
      'abnormal load',
    ])
  })

  it('says where it means a little less', () => {
    const { notes } = importCfengine(fixture('paper-sequence'), 'p.cf')
    assert.ok(notes.some((note) => /^p\.cf:23:\d+: signal=stop becomes a stop for 1h/.test(note)))
    assert.ok(notes.some((note) => /checksum=md5 becomes SHA-256/.test(note)))
  })

  it('refuses what it does not bring over, with its place', () => {
    const all = 'control:\n  actionsequence = ( processes shellcommands )\n'
    const cases: [string, RegExp][] = [
      ['tidy:\n  /tmp pattern=* age=1\n', /^x\.cf:1:1: the section tidy: is not brought over/],
      ['control:\n  actionsequence = ( tidy )\n', /^x\.cf:2:22: the action tidy is not brought over/],
      ['control:\n  x = ( ExecResult(/bin/date) )\n', /^x\.cf:2:3: functions are not brought over/],
      [`${all}shellcommands:\n  "/bin/ls | /usr/bin/wc"\n`, /^x\.cf:4:3: '\|' is for a shell/],
      [`${all}shellcommands:\n  "ls -l"\n`, /^x\.cf:4:3: 'ls': name the program by its full path/],
      [`${all}processes:\n  "httpd" matches=>1\n`, /^x\.cf:4:11: matches= of processes is not brought over/],
      [
        `${all}processes:\n  ".*" signal=kill\n`,
        /^x\.cf:4:3: a promise about every process is not brought over/,
      ],
      [
        `${all}processes:\n  "x" filter=unheard signal=kill\n`,
        /^x\.cf:4:7: the filter unheard is not defined/,
      ],
      [`${all}processes:\n  linux.(web::\n  "x" signal=kill\n`, /^x\.cf:4:9: a \( that is not closed/],
      [`${all}processes:\n  "x\n`, /^x\.cf:4:3: a " that is not closed/],
      ['filters:\n  { f\n  FromSize: "1"\n  }\n', /^x\.cf:3:3: the criterion FromSize is not brought over/],
      ['processes:\n  "x" signal=kill\n', /^x\.cf:1:1: there is no actionsequence/],
      ['hello\n', /^x\.cf:1:1: 'hello' stands in no section/],
    ]
    for (const [text, line] of cases) assert.match(faults(text)[0] ?? 'nothing', line)
  })
})
