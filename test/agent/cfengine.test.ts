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
      [
        'tidy:\n  /tmp pattern=* age=1\n',
        /^x\.cf:1:1: the section tidy: is not brought over: lymph keeps no configuration: leave it with cfengine/,
      ],
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

  it('a whole site policy: classes, groups, blocks, quotes, comments, variables, short names of attributes', () => {
    const { yaml, notes } = importCfengine(fixture('site'), 'site.cf')
    const { promises, filters } = readPolicy(yaml, 'site.yaml', {
      types: promiseTypes,
      known: ['any', 'linux'],
    })
    assert.deepEqual([...filters.keys()].sort(), ['ph_load', 'ph_sequence', 'root_procs', 'zombies'])
    const bodies = new Map(promises.map(({ name, body }) => [name, body as Record<string, unknown>]))
    assert.deepEqual(
      [...bodies.keys()],
      [
        ...['files-34', 'files-35', 'files-36', 'files-37'],
        // Two on one line are told apart.
        ...[
          'processes-40',
          'processes-41',
          'processes-41-26',
          'processes-42',
          'processes-43',
          'processes-44',
        ],
        ...['processes-47', 'shellcommands-50', 'shellcommands-51', 'shellcommands-53', 'shellcommands-54'],
      ],
    )
    const shadow = bodies.get('files-35')
    assert.deepEqual([shadow?.mode, shadow?.owner, shadow?.act], ['o-rwx', ['root', 'bin'], 'warn'])
    const tree = bodies.get('files-36')
    assert.deepEqual([tree?.path, tree?.recurse, tree?.ignore], ['/usr/bin', 'inf', ['*.bak', '*.tmp']])
    assert.deepEqual(bodies.get('files-37')?.path, '/var/log')
    assert.deepEqual(bodies.get('shellcommands-51')?.argv, ['/bin/echo', 'hello   world', 'q r'])
    assert.deepEqual(bodies.get('shellcommands-53')?.argv, ['/usr/bin/touch', '/tmp/y'])
    assert.deepEqual(bodies.get('processes-44')?.filter, ['zombies', 'ph_sequence'])
    const guards = promises.map(({ guardText }) => guardText).filter((text) => text !== 'any')
    assert.deepEqual(guards, ['webservers.night', 'Monday|Friday.!Hr12', 'hupped'])
    assert.ok(notes.some((note) => /^site\.cf:17:19: www1 is declared as a class/.test(note)))
  })

  it('tells of everything it refuses at once: place, what, and what to do', () => {
    assert.deepEqual(faults(fixture('beyond')), [
      'x.cf:19:7: addclasses is not brought over: define classes under classes:, each with what makes it',
      "x.cf:23:16: '+' stands in no class expression: classes, ( ) ! . & | do",
      'x.cf:30:39: links= of files is not brought over: links are never followed, and told as links',
      'x.cf:36:12: matches= of processes is not brought over: a promise is of each process that matches: write restart for none, and most for how many are acted on at once',
      'x.cf:37:11: action=bymatch is not brought over: signal, do and warn are',
      'x.cf:38:4: SetOptionString is not brought over: processes are read from /proc, ps has no part in it',
      'x.cf:45:52: preview= of shellcommands is not brought over: a dry run starts nothing: leave it out',
      "x.cf:46:4: '>' is for a shell, and there is none: put it into a script and run that",
    ])
    const many =
      'control:\n  actionsequence = ( shellcommands )\n  x = ( F(a) )\ncopy:\n  /a dest=/b\nfilters:\n  { f\n  Owner: root\n  }\nfiles:\n  /x mode=rw r=deep\nshellcommands:\n  "/bin/true" timeout=soon ifelapsed=x\n'
    assert.deepEqual(faults(many), [
      'x.cf:3:3: functions are not brought over: write what x is',
      'x.cf:4:1: the section copy: is not brought over: lymph keeps no configuration: leave it with cfengine (control, classes, filters, files, processes and shellcommands are)',
      "x.cf:8:10: the value of Owner, in quotes is wanted here, not 'root'",
      'x.cf:11:6: mode=rw is not brought over: 644, o-w or u=rwx,g=rx are such modes',
      'x.cf:11:14: recurse=deep: a number of folders or inf is wanted',
      'x.cf:13:15: timeout=soon: a number of seconds is wanted',
      'x.cf:13:28: ifelapsed=x: a number of minutes is wanted',
    ])
  })
})
