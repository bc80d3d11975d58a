/** The frame of the command line: options, errors, exit codes, pipes. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { profiles, status } from './answers.ts'
import { emptyState, fakeDaemon, lymph, Raw } from './lymph.ts'

const main = new URL('../../src/cli/main.ts', import.meta.url).pathname

/** Rule 9: one line that says who speaks, what is wrong and what to do. */
function isOneError(err: string, command: string): void {
  assert.match(err, new RegExp(`^error: ${command}: .+\\n$`))
  assert.equal(err.split('\n').length, 2, err)
}

test('an unknown command names the nearest and ends with 2', async () => {
  const { code, out, err } = await lymph(['profle', 'list'])
  assert.equal(code, 2)
  assert.equal(out, '')
  isOneError(err, 'lymph')
  assert.match(err, /unknown command 'profle': did you mean profile\?/)
})

test('an unknown verb and an unknown option name the nearest', async () => {
  const verb = await lymph(['profile', 'normalise', 'less'])
  assert.equal(verb.code, 2)
  isOneError(verb.err, 'lymph profile')
  assert.match(verb.err, /did you mean normalize\?/)
  const option = await lymph(['status', '--proceses'])
  assert.equal(option.code, 2)
  isOneError(option.err, 'lymph status')
  assert.match(option.err, /did you mean --processes\?/)
})

test('missing arguments and missing values end with 2', async () => {
  const missing = await lymph(['profile', 'show'])
  assert.equal(missing.code, 2)
  isOneError(missing.err, 'lymph profile show')
  const value = await lymph(['status', '--state'])
  assert.equal(value.code, 2)
  isOneError(value.err, 'lymph')
})

test('help is on standard output when asked for, on standard error when not', async () => {
  for (const args of [['--help'], ['help'], ['profile', '--help'], ['help', 'profile']]) {
    const { code, out, err } = await lymph(args)
    assert.equal(code, 0, args.join(' '))
    assert.match(out, /^Usage: lymph/)
    assert.equal(err, '')
  }
  const bare = await lymph(['profile'])
  assert.equal(bare.code, 2)
  assert.match(bare.err, /^Usage: lymph profile/)
})

test('--version is the version of the package', async () => {
  const { code, out } = await lymph(['--version'])
  assert.equal(code, 0)
  assert.match(out, /^\d+\.\d+\.\d+\n$/)
})

test('global options stand before or after the command', async () => {
  await using daemon = await fakeDaemon({ 'GET /status': status })
  for (const args of [
    ['--state', daemon.state, '--json', 'status'],
    ['status', '--json', `--state=${daemon.state}`],
    ['--json', 'status', '--state', daemon.state],
  ]) {
    const { code, out } = await lymph(args)
    assert.equal(code, 0)
    assert.deepEqual(JSON.parse(out), status)
  }
})

test('without a daemon: exit 3 and the command that starts one', async () => {
  using nobody = emptyState()
  for (const args of [['status'], ['profile', 'list'], ['set'], ['classes'], ['warnings', '--follow']]) {
    const { code, out, err } = await lymph([...args, '--state', nobody.state])
    assert.equal(code, 3, args.join(' '))
    assert.equal(out, '')
    assert.match(err, /no daemon answers at .*\/run\/api\.sock: start it with `lymph up`\n$/)
  }
})

test('a socket nobody listens on any more is no daemon', async () => {
  using nobody = emptyState()
  mkdirSync(join(nobody.state, 'run'))
  const path = join(nobody.state, 'run/api.sock')
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', script])
  const { code, err } = await lymph(['status', '--state', nobody.state])
  assert.equal(code, 3)
  assert.match(err, /no daemon answers/)
})

test('a socket of somebody else: exit 3, and it says permission', {
  skip: process.getuid?.() !== 0 && 'needs root to become someone else',
}, async () => {
  await using daemon = await fakeDaemon({ 'GET /status': status })
  chmodSync(daemon.state, 0o755)
  chmodSync(join(daemon.state, 'run'), 0o700)
  const { code, err } = await lymph(['status', '--state', daemon.state], { uid: 65534 })
  assert.equal(code, 3)
  isOneError(err, 'lymph status')
  assert.match(err, /permission denied at .*: run this as root or as the user/)
})

test('a socket path longer than an address is reached all the same', async () => {
  await using daemon = await fakeDaemon({ 'GET /status': status }, `${'long'.repeat(30)}/${'er'.repeat(40)}`)
  assert.ok(daemon.state.length > 200)
  const { code, out, err } = await lymph(['status', '--json', '--state', daemon.state])
  assert.equal(err, '')
  assert.equal(code, 0)
  assert.equal(JSON.parse(out).host, 'web-1')
  const absent = await lymph(['status', '--state', join(daemon.state, 'not-there')])
  assert.equal(absent.code, 3)
  assert.match(absent.err, /no daemon answers/)
})

test("the daemon's message and exit code are the command's", async () => {
  await using daemon = await fakeDaemon({
    'GET /classes': new Raw(409, JSON.stringify({ error: { message: 'not\nnow: wait', exit: 4 } })),
    'GET /overhead': new Raw(500, 'oops'),
    'GET /status': new Raw(200, '<html>'),
  })
  const own = await lymph(['classes', '--state', daemon.state])
  assert.deepEqual(own, { code: 4, out: '', err: 'error: lymph classes: not now: wait\n' })
  const foreign = await lymph(['overhead', '--state', daemon.state])
  assert.equal(foreign.code, 2)
  assert.match(foreign.err, /refused GET \/overhead with status 500/)
  const other = await lymph(['status', '--state', daemon.state])
  assert.equal(other.code, 3)
  assert.match(other.err, /not JSON/)
})

test('a daemon that dies while it answers: exit 3', async () => {
  using host = emptyState()
  mkdirSync(join(host.state, 'run'))
  const server = createServer((socket) => {
    socket.once('data', () =>
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"host"', () => socket.destroy()),
    )
  })
  await new Promise<void>((resolve) => server.listen(join(host.state, 'run/api.sock'), resolve))
  const { code, err } = await lymph(['status', '--state', host.state])
  server.close()
  assert.equal(code, 3)
  isOneError(err, 'lymph status')
  assert.match(err, /went away/)
})

test('a reader that has enough ends the command quietly', async () => {
  const many = Array.from({ length: 20_000 }, (_, i) => ({ ...profiles[0], binary: `/usr/bin/program-${i}` }))
  await using daemon = await fakeDaemon({ 'GET /profiles': many })
  const { promise, resolve } = Promise.withResolvers<{ status: number | null; out: string; err: string }>()
  const shell = spawn('sh', [
    '-c',
    '"$0" "$1" profile list --state "$2" | head -n 2',
    process.execPath,
    main,
    daemon.state,
  ])
  let out = ''
  let err = ''
  shell.stdout.on('data', (chunk) => {
    out += chunk
  })
  shell.stderr.on('data', (chunk) => {
    err += chunk
  })
  shell.on('close', (code) => resolve({ status: code, out, err }))
  const ended = await promise
  assert.equal(ended.err.replace(/.*ExperimentalWarning.*\n.*--trace-warnings.*\n/, ''), '')
  assert.equal(ended.out.split('\n').length, 3)
})

test('colour only where it is wanted', async () => {
  await using daemon = await fakeDaemon({ 'GET /profiles': profiles })
  const args = ['profile', 'list', '--state', daemon.state]
  assert.ok(!(await lymph(args)).out.includes('\x1b['), 'none into a pipe')
  assert.ok((await lymph(args, { env: { FORCE_COLOR: '1' } })).out.includes('\x1b['), 'where it is forced')
  assert.ok(!(await lymph(args, { env: { NO_COLOR: '1' } })).out.includes('\x1b['), 'never with NO_COLOR')
})

test('names from strangers cannot steer the terminal', async () => {
  const evil = '/tmp/\u001b[2J\u202eevil\n'
  await using daemon = await fakeDaemon({
    'GET /profiles': [{ ...profiles[0], binary: evil }],
    'POST /profiles/act': {},
  })
  for (const verb of [['list'], ['show', evil], ['reset', evil]]) {
    const { out, err } = await lymph(['profile', ...verb, '--state', daemon.state])
    assert.equal(err, '')
    assert.ok(!out.includes('\u001b') && !out.includes('\u202e'), JSON.stringify(out))
    assert.ok(out.includes('\\x1b[2J\\u202eevil\\x0a'), out)
  }
  const json = await lymph(['profile', 'list', '--json', '--state', daemon.state])
  assert.equal(JSON.parse(json.out)[0].binary, evil)
})

test('an old Node.js is told which it needs', () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      '--import',
      `data:text/javascript,Object.defineProperty(process.versions,'node',{value:'20.11.1'})`,
      main,
      'status',
    ],
    { encoding: 'utf8' },
  )
  assert.equal(status, 2)
  assert.match(stderr, /error: lymph: needs Node\.js 24 or later, and this is 20\.11\.1: /)
})

test('trace does not load the mesh, nor status the daemon', () => {
  const probe = [
    "import { registerHooks } from 'node:module'",
    "registerHooks({ load(url, context, next) { if (/libp2p|src\\/daemon|src\\/mesh\\//.test(url)) console.error('loaded ' + url); return next(url, context) } })",
  ].join('\n')
  for (const args of [['status'], ['profile', 'list'], ['mesh', 'members']]) {
    const { stderr } = spawnSync(
      process.execPath,
      [
        '--import',
        `data:text/javascript,${encodeURIComponent(probe)}`,
        main,
        ...args,
        '--state',
        '/nonexistent',
      ],
      { encoding: 'utf8' },
    )
    assert.ok(!stderr.includes('loaded '), stderr)
  }
})

test('a file where the state folder should be is no daemon', async () => {
  using nobody = emptyState()
  const file = join(nobody.state, 'file')
  writeFileSync(file, '')
  const { code, err } = await lymph(['status', '--state', file])
  assert.equal(code, 3)
  assert.match(err, /no daemon answers/)
})
