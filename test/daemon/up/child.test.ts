import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { claimState } from '#daemon'
import { Child, type ChildOptions } from '../../../src/daemon/up/child.ts'

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'lymph-child-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 15_000; !holds(); await pause(20))
    assert.ok(Date.now() < end, `${what}: not within 15 s`)
}

function child(t: TestContext, script: string, options: Partial<ChildOptions> = {}): Child {
  const made = new Child({
    name: 'test',
    args: ['-e', script],
    cwd: tmpdir(),
    onLine: () => {},
    onOutput: () => {},
    onDeath: async () => true,
    ...options,
  })
  t.after(() => made.stop(0))
  return made
}

test('a child that dies is started again, after a pause that doubles', async (t) => {
  const starts: number[] = []
  const deaths: [string, number | null, number][] = []
  const lines: string[] = []
  const made = child(t, "require('fs').writeSync(3, 'last words\\n'); process.exit(3)", {
    onStart: () => void starts.push(Date.now()),
    onLine: (line) => void lines.push(line),
    onDeath: async (...death) => {
      deaths.push(death)
      // What it wrote is read before it counts as dead.
      assert.equal(lines.length, deaths.length)
      return deaths.length < 3
    },
  })
  made.start()
  await until('three deaths', () => deaths.length === 3)
  assert.deepEqual(deaths, [
    ['exit code 3', 3, 500],
    ['exit code 3', 3, 1000],
    ['exit code 3', 3, 2000],
  ])
  const [first = 0, second = 0, third = 0] = starts
  assert.ok(second - first >= 499 && third - second >= 999, `starts at ${starts}`)
  await pause(100)
  assert.equal(made.restarts, 2)
  assert.equal(made.pid, undefined)
})

test('the next start waits for onDeath, and stop waits for it too', async (t) => {
  let dying = false
  let dealtWith = false
  const made = child(t, 'process.exit(1)', {
    onDeath: async () => {
      dying = true
      await pause(300)
      dealtWith = true
      return true
    },
  })
  made.start()
  await until('its death', () => dying)
  assert.equal(await made.stop(1000), undefined)
  assert.ok(dealtWith)
  await pause(700)
  assert.equal(made.restarts, 0)
})

test('stop asks, then insists', async (t) => {
  for (const [script, end] of [
    ["process.on('SIGTERM', () => process.exit(0))", { code: 0, signal: null }],
    ["process.on('SIGTERM', () => {})", { code: null, signal: 'SIGKILL' }],
  ] as const) {
    let ready = false
    const made = child(t, `${script}; setInterval(() => {}, 1000); require('fs').writeSync(3, 'ready\\n')`, {
      onLine: () => {
        ready = true
      },
      onDeath: () => assert.fail('it was asked to end'),
    })
    made.start()
    await until('ready', () => ready)
    const patience = end.signal ? 300 : 10_000
    const asked = Date.now()
    assert.deepEqual(await made.stop(patience), end)
    if (end.signal) assert.ok(Date.now() - asked >= patience - 1)
    assert.equal(made.pid, undefined)
  }
})

test('the child learns by the end of fd 3 that its parent was killed', async (t) => {
  const place = folder(t)
  const note = (name: string) => `require('fs').writeFileSync(${JSON.stringify(join(place, name))}, '')`
  const script = `
    const { Socket } = require('net')
    const up = new Socket({ fd: 3, readable: true, writable: false })
    up.on('end', () => { ${note('end')}; process.exit() })
    up.resume()
    ${note('ready')}
    setTimeout(() => process.exit(), 30000)`
  const module = new URL('../../../src/daemon/up/child.ts', import.meta.url).href
  const options = `{ name: 'test', args: ['-e', ${JSON.stringify(script)}], cwd: '/', onLine() {}, onOutput() {}, onDeath: async () => false }`
  const parent = spawn(process.execPath, [
    '--input-type=module',
    '-e',
    `import { Child } from ${JSON.stringify(module)}; new Child(${options}).start()`,
  ])
  t.after(() => parent.kill('SIGKILL'))
  await until('ready', () => existsSync(join(place, 'ready')))
  assert.ok(!existsSync(join(place, 'end')))
  parent.kill('SIGKILL')
  await until('the end of fd 3', () => existsSync(join(place, 'end')))
})

test('a state folder is claimed once, and the refusal names the process that has it', (t) => {
  const state = folder(t)
  const claim = claimState(state)
  assert.throws(() => claimState(state), {
    name: 'DaemonError',
    message: new RegExp(`is in use by process ${process.pid}:`),
  })
  claim.release()
  claimState(state).release()
})

test('a claim whose process is gone is taken over', (t) => {
  const state = folder(t)
  const file = join(state, 'up.json')
  for (const stale of [
    JSON.stringify({ pid: 2 ** 22 + 1, startTime: '1' }),
    // The number is in use again, by another process.
    JSON.stringify({ pid: process.pid, startTime: '1' }),
    'half a li',
  ]) {
    writeFileSync(file, stale)
    const claim = claimState(state)
    assert.equal((JSON.parse(readFileSync(file, 'utf8')) as { pid: number }).pid, process.pid)
    claim.release()
    assert.ok(!existsSync(file))
  }
})

test('a child that writes without end costs its parent no memory, and its next line is whole', async (t) => {
  const noise = `
    const { writeSync } = require('fs')
    const piece = 'x'.repeat(1 << 16)
    const all = (fd, text) => { for (let at = 0; at < text.length; ) try { at += writeSync(fd, text.slice(at)) } catch (error) { if (error.code !== 'EAGAIN') throw error } }
    for (const fd of [1, 3]) { for (let i = 0; i < 500; i++) all(fd, piece); all(fd, '\\nlast\\n') }
    setInterval(() => {}, 1000)`
  const lines: string[] = []
  const output: string[] = []
  const made = child(t, noise, {
    onLine: (line) => void lines.push(line),
    onOutput: (line) => void output.push(line),
  })
  made.start()
  await until('both last lines', () => lines.includes('last') && output.includes('last'))
  assert.deepEqual([lines.length, output.length], [2, 2])
  assert.match(lines[0] as string, /^x{65536} \(and 32702464 characters more\)$/)
  assert.match(output[0] as string, /^x{8192} \(and 32759808 characters more\)$/)
})

test('a child that writes many lines is not passed on faster than a person reads', async (t) => {
  const output: string[] = []
  const made = child(
    t,
    "for (let i = 0; i < 100000; i++) console.log(i); setTimeout(() => console.log('end'), 1500)",
    {
      onOutput: (line) => void output.push(line),
      onDeath: async () => false,
    },
  )
  made.start()
  await until('its end', () => output.includes('end'))
  // Those of the seconds it took, and a count for each.
  assert.ok(output.length < 2000, `${output.length} lines`)
  assert.ok(output.some((line) => /^\d+ lines more than 100 in one second were left out$/.test(line)))
})
