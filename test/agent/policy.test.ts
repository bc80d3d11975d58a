/** The language: what a mistake is told as, word for word and with its place. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PolicyError, policySchema, promiseTypes, readPolicy } from '#agent'

const read = (text: string, known: string[] = []) =>
  readPolicy(text, 'default.yaml', {
    types: promiseTypes,
    known: ['any', 'linux', 'web', ...known],
    variables: new Map([['host', 'alpha']]),
  })

function faults(text: string): readonly string[] {
  try {
    read(text)
  } catch (error) {
    assert.ok(error instanceof PolicyError, String(error))
    return error.faults
  }
  return []
}

describe('policies', () => {
  it('reads promises of every key', () => {
    const policy = read(`
control: { sequence: [commands, processes], ifelapsed: 2m, expireafter: 10m }
variables: { folder: /srv/$(name), name: www }
declare: [oslo]
classes:
  office: (Hr08|Hr09).!weekend
  weekend: Saturday|Sunday
filters:
  heavy: { owner: [www-data], resident: { from: 1000000 }, result: owner|resident }
promises:
  - name: first
    comment: why
    if: office.oslo.web
    processes: { filter: [ph_sequence, heavy], act: freeze, for: 10m }
    ifelapsed: 1h
  - commands: { argv: [/bin/ls, $(folder), $(host)] }
    define: { repaired: [listed] }
  - if: listed
    report: { text: $(this.offenders) }
`)
    assert.deepEqual(
      policy.promises.map(({ name }) => name),
      ['commands-2', 'first'],
    )
    assert.deepEqual(
      policy.outside.map(({ name }) => name),
      ['report-3'],
    )
    assert.deepEqual(
      policy.classes.map(({ name }) => name),
      ['weekend', 'office'],
      'each after those it names',
    )
    const [command, first] = policy.promises
    assert.deepEqual((command!.body as { argv: string[] }).argv, ['/bin/ls', '/srv/www', 'alpha'])
    assert.equal(command?.ifelapsedMs, 120_000)
    assert.equal(first?.ifelapsedMs, 3_600_000)
    assert.equal(first?.expireafterMs, 600_000)
    assert.equal(first?.place, 'default.yaml:11:5')
  })

  it('says what is wrong, where, and what may have been meant', () => {
    const cases: [text: string, ...lines: string[]][] = [
      [
        'promises:\n  - if: ph_sequence_anomoly\n    processes: { name: x, act: kill }\n',
        'default.yaml:2:9: unknown class ph_sequence_anomoly, did you mean ph_sequence_anomaly or mesh_ph_sequence_anomaly?',
      ],
      [
        'promises:\n  - if: "web.Hr24"\n    processes: { name: x, act: kill }\n',
        'default.yaml:2:14: unknown class Hr24, did you mean Hr04 or Hr14 or Hr20?',
      ],
      [
        'promises:\n  - if: (web\n    processes: { name: x, act: kill }\n',
        'default.yaml:2:9: a ( that is not closed',
      ],
      [
        'promises:\n  - if: !web\n    processes: { name: x, act: kill }\n',
        'default.yaml:2:9: YAML takes a leading ! for a tag: put a class expression that begins with ! in quotes',
      ],
      [
        'control:\n  sequnce: [files]\n',
        'default.yaml:2:3: unknown key sequnce in control, did you mean sequence?',
      ],
      [
        'control:\n  speed: 3\n',
        'default.yaml:2:3: unknown key speed in control: there are sequence, ifelapsed, expireafter',
      ],
      [
        'promises:\n  - processes: { name: x, akt: kill }\n',
        'default.yaml:2:16: act is missing in promises.0.processes: one of warn, signal, kill, stop, delay, freeze, cpu, nice, suspend_exec, restart, ladder',
        'default.yaml:2:27: unknown key akt in promises.0.processes, did you mean act?',
      ],
      [
        'promises:\n  - processes: { name: x, act: slap }\n',
        'default.yaml:2:32: promises.0.processes.act: slap is none of warn, signal, kill, stop, delay, freeze, cpu, nice, suspend_exec, restart, ladder',
      ],
      [
        'control:\n  sequence: files\n',
        'default.yaml:2:13: control.sequence: Invalid input: expected array, received string',
      ],
      [
        'promises:\n  - forensics: { tool: strace, for: 5s }\n',
        'default.yaml:2:16: filter is missing in promises.0.forensics',
        'default.yaml:2:18: unknown key tool in promises.0.forensics, did you mean tools?',
      ],
      [
        'promises:\n  - report: { text: hi, to: jounal }\n    iff: web\n    processes: { name: x, act: warn, fro: 1 }\n',
        'default.yaml:2:29: promises.0.report.to: jounal is none of journal, syslog, webhook, mail: did you mean journal?',
        'default.yaml:3:5: unknown key iff in promises.0, did you mean if?',
        'default.yaml:4:38: unknown key fro in promises.0.processes: there are filter, name, binary, owner, act, signal, for, unit, percent, nice, restart, limit, most, ladder',
      ],
      [
        'classes:\n  a: b.web\n  b: "!c"\n  c: a\n',
        'default.yaml:2:3: classes in a circle: a -> b -> c -> a: take one of them out',
      ],
      ['variables: { a: $(b), b: $(a) }\n', 'default.yaml:1:17: variables in a circle: a -> b -> a'],
      [
        'promises:\n  - commands: { argv: [/bin/ls, $(hosts)] }\n',
        'default.yaml:2:33: unknown variable $(hosts), did you mean $(host)?',
      ],
      [
        'promises:\n  - commands: { argv: [ls] }\n',
        'default.yaml:2:23: promises.0.commands.argv: the program by its full path',
      ],
      [
        'promises:\n  - processes: { filter: ph_sequense, act: warn }\n',
        'default.yaml:2:26: unknown filter ph_sequense: there are ph_sequence, ph_load',
      ],
      ['promises:\n  - processes: { name: x, act: stop }\n', 'default.yaml:2:32: stop needs for'],
      [
        'promises:\n  - processes: { name: x, act: kill, for: 1m }\n',
        'default.yaml:2:43: for belongs to stop, delay, freeze, cpu, nice, suspend_exec, not to kill',
      ],
      [
        'promises:\n  - processes: { act: kill }\n',
        'default.yaml:2:23: select processes by filter, name, binary or owner: all of them is never meant',
      ],
      [
        'promises:\n  - processes: { name: x, act: signal, signal: stop }\n',
        'default.yaml:2:48: to stop is an act of its own, with for: nothing is stopped for ever',
      ],
      [
        'filters:\n  a: { owner: x, result: owner.tty }\npromises: []\n',
        'default.yaml:2:32: tty is no criterion of this filter, which has owner',
      ],
      ['a: [\n', /^default\.yaml:2:1: it is not YAML: /.source],
    ]
    for (const [text, ...lines] of cases) {
      const found = faults(text)
      for (const [index, line] of lines.entries())
        if (line.startsWith('^')) assert.match(found[index] ?? '', new RegExp(line))
        else assert.equal(found[index], line)
    }
  })

  it('tells every mistake, not the first alone', () => {
    const found = faults(
      'promises:\n  - if: webb\n    processes: { name: x, act: stop }\n  - if: linuxx\n    report: { text: x }\n',
    )
    assert.equal(found.length, 3)
  })

  it('has a schema of what may be written', () => {
    const text = JSON.stringify(policySchema(promiseTypes))
    for (const key of ['promises', 'ph_sequence', 'suspend_exec', 'ifelapsed', 'argv', 'tolerize'])
      assert.ok(text.includes(key), key)
    assert.match(text, /2020-12/)
  })

  it('reads the policies that ship', async () => {
    const { globSync, readFileSync } = await import('node:fs')
    const files = globSync(new URL('../../config/policies/*.yaml', import.meta.url).pathname)
    assert.ok(files.length > 0)
    for (const file of files) read(readFileSync(file, 'utf8'))
  })
})
