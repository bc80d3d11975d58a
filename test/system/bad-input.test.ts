/** What a user meets who gives lymph something wrong: one line with what, why and what to do, and nothing lost. */
import assert from 'node:assert/strict'
import { globSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { ask, Cleanup, type Live, loopback, lymph } from './hosts.ts'

const cleanup = new Cleanup()
after(() => cleanup.end())
const folder = cleanup.folder('bad')
const file = (name: string, content?: string | Uint8Array) => {
  const path = join(folder, name)
  if (content !== undefined) writeFileSync(path, content)
  return path
}

/** Exactly this line on standard error, nothing on standard output, this exit code. */
async function refuses(args: readonly string[], code: number, line: string | RegExp): Promise<void> {
  const ended = await lymph(args, { cwd: folder })
  if (typeof line === 'string') assert.equal(ended.err, `error: ${line}\n`)
  else {
    assert.match(ended.err, line)
    assert.match(ended.err, /^error: lymph [^\n]+\n$/, 'one line, with the command that says it')
  }
  assert.equal(ended.code, code)
  assert.equal(ended.out, '')
}

before(async () => {
  const calls = file('calls', `${Array(50).fill('39 110 102').join(' ')}\n`)
  for (const [profile, ...how] of [
    ['six', '--window', '6'],
    ['nine', '--window', '9'],
    ['arm', '--abi', 'arm64'],
  ] as [string, ...string[]][])
    assert.equal((await lymph(['trace', 'learn', ...how, '-o', file(profile), calls])).code, 0)
  assert.equal(
    (await lymph(['trace', 'convert', '--abi', 'x86-64', '-o', file('calls.lymph'), calls])).code,
    0,
  )
})

describe('traces', () => {
  it('that were cut short', async () => {
    writeFileSync(file('cut.lymph'), readFileSync(file('calls.lymph')).subarray(0, -4))
    writeFileSync(file('cut.gz'), gzipSync(readFileSync(file('calls'))).subarray(0, -4))
    const score = ['trace', 'score', '--profile', 'six']
    await refuses(
      [...score, 'cut.lymph'],
      2,
      /^error: lymph trace score: cut\.lymph: byte \d+: .*it was cut short/,
    )
    await refuses(
      [...score, 'cut.gz'],
      2,
      'lymph trace score: cut.gz: the compressed file was cut short: get it whole',
    )
  })

  it('that are none: nothing is scored, and no profile is written', async () => {
    writeFileSync(file('foreign'), readFileSync('/bin/sh').subarray(0, 4096))
    const why =
      /foreign: byte \d+: a binary file, no trace: lymph reads strace -f text, 'pid call' pairs, numbers, names, sysdig records and its own traces \(--format\)\n$/
    await refuses(['trace', 'score', '--profile', 'six', 'calls', 'foreign'], 2, why)
    await refuses(['trace', 'learn', '-o', 'made', 'calls', 'foreign'], 2, why)
    assert.deepEqual(globSync('made*', { cwd: folder }), [])
    const kept = readFileSync(file('six'))
    await refuses(['trace', 'learn', '-o', 'six', 'calls', 'foreign'], 2, why)
    assert.deepEqual(readFileSync(file('six')), kept, 'the profile of before is as it was')
  })

  it('against a profile of another window, of another ABI, or of none', async () => {
    await refuses(
      ['trace', 'score', '--profile', 'nine', '--window', '6', 'calls'],
      2,
      'lymph trace score: nine: it was learned with windows of 9 calls, and 6 are wanted: learn it anew, or set window 9',
    )
    await refuses(
      ['trace', 'score', '--profile', 'arm', 'calls.lymph'],
      2,
      'lymph trace score: calls.lymph: it was recorded on x86-64, and arm64 is asked for: see --abi',
    )
    await refuses(
      ['trace', 'score', '--profile', 'calls', 'calls'],
      2,
      /^error: lymph trace score: calls: it is no lymph profile/,
    )
    writeFileSync(file('half'), readFileSync(file('six')).subarray(0, 100))
    await refuses(
      ['trace', 'score', '--profile', 'half', 'calls'],
      2,
      /^error: lymph trace score: half: .*cut short or changed/,
    )
  })
})

describe('configuration', () => {
  const state = file('unmade')
  for (const [what, text, line] of [
    [
      'a key that is none',
      'listem: []\n',
      /bad\.yaml:1:\d+: listem: no such key: config\/lymph\.yaml shows what there is$/,
    ],
    [
      'a value of another kind',
      'listen: 5\n',
      /bad\.yaml:1:9: listen: .*array.*: config\/lymph\.yaml shows what there is$/,
    ],
    [
      'a setting that is none',
      'settings:\n  windw: 5\n',
      /bad\.yaml:2:10: no setting is called "windw": .*window/,
    ],
    [
      'a value out of bounds',
      'settings:\n  window: 50\n',
      /bad\.yaml:2:11: setting window: "50" is not a whole number from 2 to 9$/,
    ],
    ['no YAML', 'listen: [\n', /bad\.yaml:2:1: it is not YAML: .*[^:]$/],
  ] as const)
    it(`with ${what}: the line it is on, and nothing is made`, async () => {
      file('bad.yaml', text)
      const { code, err, out } = await lymph(['--state', state, '--config', 'bad.yaml', 'up'], {
        cwd: folder,
      })
      assert.equal(code, 2)
      assert.match(err, /^error: lymph up: [^\n]+\n$/)
      assert.match(err.trimEnd(), line)
      assert.equal(out, '')
      assert.deepEqual(globSync('unmade*', { cwd: folder }), [])
    })

  it('that is not there', async () => {
    await refuses(
      ['--state', state, '--config', 'none.yaml', 'up'],
      2,
      /^error: lymph up: config none\.yaml: there is no such file: name a readable file with --config\n$/,
    )
  })
})

describe('a host that runs', () => {
  const state = file('host')
  const sh = '/bin/sh'
  let up: Live

  type Row = { binary: string; pairs: number; window: number }
  const rows = async () =>
    (await ask<Row[]>(state, ['profile', 'list'])).map(({ binary, pairs, window }) => ({
      binary,
      pairs,
      window,
    }))

  before(async () => {
    up = await cleanup.up(state, ['--no-sensor', '--listen', await loopback()])
    const { code, err } = await lymph(['--state', state, 'watch', '--', sh, '-c', ':'])
    assert.equal(code, 0, err)
  })

  it('says what is wrong with a setting, and keeps what it had', async () => {
    const settings = await ask(state, ['set'])
    const set = ['--state', state, 'set']
    await refuses([...set, 'windw', '5'], 2, 'lymph set: no setting is called "windw": did you mean window?')
    await refuses(
      [...set, 'window', '50'],
      2,
      'lymph set: setting window: "50" is not a whole number from 2 to 9',
    )
    await refuses(
      [...set, 'default_response', 'punish'],
      2,
      /setting default_response: "punish" is not one of ignore, delay|delay, ignore/,
    )
    assert.deepEqual(await ask(state, ['set']), settings)
  })

  it('takes no profile that is damaged or none, and keeps what it had', async () => {
    const before = await rows()
    assert.ok(before.length > 0)
    writeFileSync(file('half'), readFileSync(file('six')).subarray(0, 100))
    const bent = Buffer.from(readFileSync(file('six')))
    bent[bent.length - 5] = (bent[bent.length - 5] as number) ^ 1
    writeFileSync(file('bent'), bent)
    const take = ['--state', state, 'profile', 'import']
    for (const name of ['half', 'bent'])
      await refuses(
        [...take, name],
        2,
        new RegExp(
          `^error: lymph profile import: ${name}: its SHA-256 does not hold, it was cut short or changed: take another copy of it`,
        ),
      )
    await refuses([...take, 'calls'], 2, /^error: lymph profile import: calls: it is no lymph profile/)
    await refuses([...take, 'absent'], 2, 'lymph profile import: absent: there is no such file or folder')
    assert.deepEqual(await rows(), before)
  })

  it('keeps a profile of another window beside its own, and lets none of the two touch the other', async () => {
    const before = await rows()
    assert.equal((await lymph(['--state', state, 'profile', 'import', file('nine')])).code, 0)
    const now = await rows()
    assert.deepEqual(
      now.filter(({ window }) => window === 6),
      before,
    )
    assert.equal(now.filter(({ window }) => window === 9).length, 1)
  })

  it('is one of a state folder: a second one is told whose it is, and the first goes on', async () => {
    const line = `state folder ${state} is in use by process ${up.pid}: stop that one, or start this host with another --state DIR`
    await refuses(['--state', state, 'up', '--no-sensor'], 2, `lymph up: ${line}`)
    assert.ok(up.running)
    assert.ok((await rows()).length > 0)
  })

  it('a damaged profile file of its own: said by name, and the profile is not lost', async () => {
    const before = await rows()
    const [mirrored] = globSync('profiles/**/{sh,dash}', { cwd: state })
    assert.ok(mirrored)
    const damaged = join(state, mirrored)
    assert.equal(await up.end('SIGINT'), 0)
    truncateSync(damaged, 80)
    await refuses(
      ['profile', 'print', damaged],
      2,
      new RegExp(`^error: lymph profile print: ${damaged}: .*cut short or changed`),
    )
    // The store has it too, and writes the file anew with the next save.
    up = await cleanup.up(state, ['--no-sensor', '--listen', await loopback()])
    assert.deepEqual(await rows(), before)
    assert.equal((await lymph(['--state', state, 'watch', '--', sh, '-c', ':'])).code, 0)
    assert.equal((await lymph(['profile', 'print', damaged])).code, 0)
    assert.equal(await up.end('SIGINT'), 0)
  })

  it('without a daemon: which one is asked for, and how to start it', async () => {
    const absent = file('absent-state')
    for (const args of [['set', 'window'], ['status'], ['mesh', 'invite'], ['warnings']])
      await refuses(
        ['--state', absent, ...args],
        3,
        `lymph ${args.filter((word) => word !== 'window').join(' ')}: no daemon answers at ${absent}/run/api.sock: start it with \`lymph up\``,
      )
    assert.deepEqual(globSync('absent-state*', { cwd: folder }), [])
    mkdirSync(absent)
  })
})
