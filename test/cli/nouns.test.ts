/** Each noun against a daemon that answers as documented: tables for people, JSON for programs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { incident, judgedIncident, processes, profiles, status, warning } from './answers.ts'
import { fakeDaemon, lymph, Raw, Stream } from './lymph.ts'

const rows = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => line.trim().split(/\s{2,}/))

test('status: a glance, processes, one process', async () => {
  await using daemon = await fakeDaemon({ 'GET /status': status, 'GET /processes': processes })
  const at = ['--state', daemon.state]
  const glance = await lymph(['status', ...at])
  assert.equal(glance.code, 0)
  assert.deepEqual(rows(glance.out), [
    ['host', 'web-1'],
    ['sensor', 'kernel (every process of this host)'],
    ['calls', '12.35M seen, 9 lost'],
    ['profiles', '6: 3 learning, 2 frozen, 1 normal'],
    ['classes', '4 hold now'],
    ['incidents', '1 open: `lymph incident list`'],
    ['mesh', 'ab12cd34: 2 members, 1 connected'],
  ])
  assert.deepEqual(JSON.parse((await lymph(['status', '--json', ...at])).out), status)

  const all = rows((await lymph(['status', '--processes', ...at])).out)
  assert.deepEqual(all[0], ['PID', 'STATE', 'CALLS', 'LFC', 'MAX', 'DELAY', 'ABI', 'BINARY'])
  assert.deepEqual(all[1], ['99', 'frozen', '8', '5', '5', '320ms', 'x86-64', '/usr/bin/tar'])
  const one = await lymph(['status', '17', ...at])
  assert.match(one.out, /^profile +\/usr\/bin\/less$/m)
  assert.match(one.out, /^highest LFC +2$/m)
  assert.deepEqual(JSON.parse((await lymph(['status', '17', '--json', ...at])).out), processes[0])
  const gone = await lymph(['status', '4', ...at])
  assert.equal(gone.code, 1)
  assert.match(gone.err, /^error: lymph status: process 4 is not being watched: .*\n$/)
  assert.equal((await lymph(['status', 'init', ...at])).code, 2)
})

test('status without mesh and sensor says what to do', async () => {
  await using daemon = await fakeDaemon({
    'GET /status': { ...status, sensor: 'none', mesh: null, incidents: 0 },
  })
  const { out } = await lymph(['status', '--state', daemon.state])
  assert.match(out, /^sensor +none: `lymph doctor` says why$/m)
  assert.match(out, /^mesh +none: `lymph mesh init`/m)
  assert.match(out, /^incidents +none open$/m)
})

test('classes, overhead, set', async () => {
  const settings: Record<string, number | string> = {
    window: 6,
    normal_wait: 604_800,
    default_response: 'ignore',
  }
  await using daemon = await fakeDaemon({
    'GET /classes': [{ name: 'ph_sequence_anomaly', source: 'homeostasis', since: 1e12, until: 0 }],
    'GET /overhead': { seen: 1000, runs: 900, nsPerCall: 31.25, cpuShare: 0.0042, runTimeNs: 2e9 },
    'GET /settings': () => settings,
    'POST /settings': (body: Buffer) => {
      const { key, value } = JSON.parse(body.toString())
      if (key === 'window' && value > 9)
        return new Raw(400, '{"error":{"message":"setting window: 2 to 9","exit":2}}')
      settings[key] = value
      return settings
    },
  })
  const at = ['--state', daemon.state]
  const classes = rows((await lymph(['classes', ...at])).out)
  assert.deepEqual(
    [classes[1]?.[0], classes[1]?.[1], classes[1]?.[3]],
    ['ph_sequence_anomaly', 'homeostasis', 'taken away'],
  )
  const overhead = await lymph(['overhead', ...at])
  assert.match(overhead.out, /^time per call +31\.3 ns$/m)
  assert.match(overhead.out, /^share of this host +0\.42 %$/m)
  assert.equal(JSON.parse((await lymph(['overhead', '--json', ...at])).out).nsPerCall, 31.25)

  assert.match((await lymph(['set', ...at])).out, /^normal_wait +604800 \(7d\)$/m)
  const changed = await lymph(['set', 'normal_wait', '2d12h', ...at])
  assert.equal(changed.code, 0)
  assert.equal(changed.out, 'normal_wait  216000 (2d12h)\n')
  assert.deepEqual(JSON.parse((await lymph(['set', 'default_response', 'delay', '--json', ...at])).out), {
    default_response: 'delay',
  })
  const typo = await lymph(['set', 'normal_wiat', '5', ...at])
  assert.equal(typo.code, 2)
  assert.match(typo.err, /no setting is called "normal_wiat": did you mean normal_wait\?/)
  const bad = await lymph(['set', 'normal_wait', 'soon', ...at])
  assert.equal(bad.code, 2)
  assert.match(bad.err, /"soon" is not a duration/)
  const refused = await lymph(['set', 'window', '12', ...at])
  assert.deepEqual(refused, { code: 2, out: '', err: 'error: lymph set: setting window: 2 to 9\n' })
})

test('incidents by name', async () => {
  const resolved: string[] = []
  await using daemon = await fakeDaemon({
    'GET /incidents': [incident, { ...incident, id: 'i8', state: 'resolved' }],
    'GET /incidents/i7': incident,
    'GET /incidents/i10': judgedIncident,
    'POST /incidents/i7/resolve': () => {
      resolved.push('i7')
      return { ...incident, state: 'resolved' }
    },
    'GET /incidents/i9': new Raw(
      404,
      '{"error":{"message":"no incident i9: lymph incident list has them","exit":2}}',
    ),
  })
  const at = ['--state', daemon.state]
  assert.equal(JSON.parse((await lymph(['incident', 'list', '--json', ...at])).out).length, 2)
  const open = rows((await lymph(['incident', 'list', '--open', ...at])).out)
  assert.equal(open.length, 2)
  assert.deepEqual(open[1]?.slice(0, 6), ['i7', 'incident', 'open', '12', '9', '4'])
  const shown = await lymph(['incident', 'show', 'i7', ...at])
  assert.match(shown.out, /^ {2}execve after open \(1\) read \(2,4\)$/m)
  assert.match(shown.out, /^ {2}socket after \(start\) \(3\)$/m)
  assert.match(shown.out, /^binary +\/usr\/bin\/less$/m)
  const judged = await lymph(['incident', 'show', 'i10', ...at])
  assert.match(judged.out, /^surprise +17\.2 bits: R 9\.2, edge \(m 300, q 0\.01\)$/m)
  assert.match(judged.out, /^started first +\/bin\/nc by \/usr\/bin\/less$/m)
  assert.match(judged.out, /^ {2}R at call 12: open read$/m)
  assert.equal((await lymph(['incident', 'resolve', 'i7', ...at])).out, 'i7 resolved\n')
  assert.deepEqual(resolved, ['i7'])
  const none = await lymph(['incident', 'show', 'i9', ...at])
  assert.deepEqual(none, {
    code: 2,
    out: '',
    err: 'error: lymph incident show: no incident i9: lymph incident list has them\n',
  })
})

test('warnings: what stands, and what comes', async () => {
  await using daemon = await fakeDaemon({
    'GET /warnings': [warning],
    'GET /warnings/follow': new Stream([warning, { ...warning, host: 'web-3', state: 'cleared' }]),
  })
  const at = ['--state', daemon.state]
  assert.deepEqual(JSON.parse((await lymph(['warnings', '--json', ...at])).out), [warning])
  assert.match((await lymph(['warnings', ...at])).out, /^web-2 +ph_sequence_anomaly +incident +standing/m)
  const onOutput = (out: string, end: () => void) => {
    if (out.includes('web-3')) end()
  }
  const followed = await lymph(['warnings', '--follow', '--json', ...at], { onOutput })
  assert.equal(followed.code, 0)
  assert.equal(followed.err, '')
  assert.deepEqual(
    followed.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).host),
    ['web-2', 'web-3'],
  )
  const told = await lymph(['warnings', '--follow', ...at], { onOutput })
  assert.match(told.out, /web-2: incident: ph_sequence_anomaly \/usr\/bin\/less, LFC 9 \(standing\)/)
})

test('a daemon that ends while it is followed: exit 3', async () => {
  await using daemon = await fakeDaemon({ 'GET /warnings/follow': new Stream([warning], true) })
  const { code, out, err } = await lymph(['warnings', '--follow', '--json', '--state', daemon.state])
  assert.equal(code, 3)
  assert.equal(JSON.parse(out).host, 'web-2')
  assert.match(err, /^error: lymph warnings: the daemon at .* stopped: .*\n$/)
})

test('fleet: binaries and comparison', async () => {
  const hosts = [
    { name: 'web-1', sha256: 'a'.repeat(64), pairs: 3 },
    { name: 'web-2', sha256: 'a'.repeat(64), pairs: 2 },
  ]
  const comparison = {
    binary: '/usr/bin/less',
    abi: 'x86-64',
    exact: true,
    hosts,
    onlyHere: { 'web-1': [{ current: 59, previous: 2, distance: 1 }], 'web-2': [] },
    lacks: {},
    calls: { 'web-1': [59], 'web-2': [] },
    differs: { 'web-1': { from: 11, of: 12, pairs: 3 } },
    distance: { 'web-1': { 'web-1': 0, 'web-2': 0.3333 }, 'web-2': { 'web-1': 0.3333, 'web-2': 0 } },
  }
  await using daemon = await fakeDaemon({
    'GET /fleet/binaries': [
      {
        binary: '/usr/bin/less',
        hosts: hosts.map((host) => ({ ...host, peer: host.name, state: 'normal', calls: 100 })),
        versions: 1,
        packages: [{ name: 'less', version: '590-2', hosts: 2 }],
        states: { learning: 0, frozen: 0, normal: 2 },
        pairs: { min: 2, max: 3 },
        calls: 200,
        spread: { hosts: 2, median: 0.3333, most: 0.3333 },
      },
    ],
    'GET /mesh/status': { name: 'web-1' },
    'GET /fleet/compare': (_: Buffer, query: URLSearchParams) =>
      query.get('binary') === 'less' && query.getAll('host').join() === 'web-1,web-2'
        ? comparison
        : undefined,
  })
  const at = ['--state', daemon.state]
  assert.deepEqual(rows((await lymph(['fleet', 'binaries', ...at])).out)[1], [
    '2',
    '2',
    '0',
    '0',
    '1',
    'less 590-2',
    '200',
    '0.333..0.333',
    '/usr/bin/less',
  ])
  const args = ['fleet', 'compare', 'less', 'web-1', 'web-2', ...at]
  assert.deepEqual(JSON.parse((await lymph([...args, '--json'])).out), comparison)
  const { out } = await lymph(args)
  assert.deepEqual(rows(out)[1], ['web-1', 'aaaaaaaaaaaa', '3', '1', '-', '0.333'])
  assert.match(out, /only on web-1: 1 pair\n {2}execve after open \(1\)/)
  assert.match(out, /^this host differs from 11 of 12 peers in 3 pairs$/m)
  assert.match(out, /^called on web-1 and nowhere else: execve$/m)
})

test('top --once: rates and order', async () => {
  let asked = 0
  await using daemon = await fakeDaemon({
    'GET /status': status,
    'GET /processes': processes,
    'GET /profiles': () => {
      asked++
      return profiles
        .slice(0, 4)
        .map((profile) =>
          profile.binary.endsWith('less') && asked > 1
            ? { ...profile, calls: profile.calls + 300, pairs: profile.pairs + 2 }
            : profile,
        )
    },
  })
  const args = ['top', '--once', '--interval', '300ms', '--state', daemon.state]
  const { code, out } = await lymph([...args, '--json'])
  assert.equal(code, 0)
  const list = JSON.parse(out) as { binary: string; lfc: number; newPairs: number; callsPerSecond: number }[]
  assert.deepEqual(
    list.map(({ binary }) => binary),
    ['/usr/bin/tar', '/usr/bin/less', '/opt/py/python3', '/usr/bin/python3'],
  )
  assert.equal(list[0]?.lfc, 5)
  assert.equal(list[1]?.newPairs, 2)
  assert.ok((list[1]?.callsPerSecond ?? 0) > 100 && (list[1]?.callsPerSecond ?? 0) <= 1000)
  const table = await lymph(args)
  assert.match(table.out, /^web-1 {2}sensor kernel/)
  assert.match(table.out, /LFC +NEW +CALLS\/S/)
})
