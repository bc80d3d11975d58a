/** `lymph top` on a terminal of its own, made by util-linux's script(1); and its arithmetic. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { activities } from '../../src/cli/top/activity.ts'
import { processes, profiles, status } from './answers.ts'
import { fakeDaemon } from './lymph.ts'

const main = new URL('../../src/cli/main.ts', import.meta.url).pathname
const noTerminal = spawnSync('script', ['-qec', 'true', '/dev/null']).status !== 0

test('refreshes until q, and gives the terminal back', {
  skip: noTerminal && 'no script(1) here',
}, async () => {
  await using daemon = await fakeDaemon({
    'GET /status': status,
    'GET /processes': processes,
    'GET /profiles': profiles,
  })
  const command = `${process.execPath} ${main} top --interval 200ms --state ${daemon.state}`
  const child = spawn('script', ['-qec', command, '/dev/null'])
  let screen = ''
  let asked = false
  child.stdout.on('data', (chunk) => {
    screen += chunk
    // Two pictures have come: it refreshes.
    if (!asked && screen.split('web-1').length > 2) {
      asked = true
      child.stdin.write('q')
    }
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  assert.equal(code, 0)
  assert.ok(screen.includes('\x1b[?1049h'), 'the alternate screen')
  assert.ok(screen.trimEnd().endsWith('\x1b[?25h\x1b[?1049l'), JSON.stringify(screen.slice(-80)))
  assert.match(screen, /\/usr\/bin\/tar/)
})

test('a daemon that goes away ends it with exit 3, terminal first', {
  skip: noTerminal && 'no script(1) here',
}, async () => {
  let left = 6
  await using daemon = await fakeDaemon({
    'GET /status': status,
    'GET /processes': processes,
    'GET /profiles': () => {
      if (--left === 0) process.nextTick(() => void daemon[Symbol.asyncDispose]())
      return profiles
    },
  })
  const command = `${process.execPath} ${main} top --interval 100ms --state ${daemon.state}`
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] })
  let screen = ''
  child.stdout.on('data', (chunk) => {
    screen += chunk
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  assert.equal(code, 3)
  assert.match(screen, /\?1049lerror: lymph top: no daemon answers at /)
})

test('rates: new programs count from nothing, reset ones not below it', () => {
  const [less, python] = profiles as [(typeof profiles)[0], (typeof profiles)[0]]
  const before = { at: 1000, profiles: [less], processes: [] }
  const now = {
    at: 3000,
    profiles: [
      { ...less, calls: less.calls - 4000, pairs: 3 },
      { ...python, calls: 500, pairs: 40 },
    ],
    processes,
  }
  const [first, second] = activities([before], now)
  assert.equal(first?.binary, python.binary)
  assert.equal(first?.newPairs, 40)
  assert.equal(first?.callsPerSecond, 250)
  assert.equal(second?.newPairs, 0)
  assert.equal(second?.callsPerSecond, 0)
  assert.equal(second?.processes, 1)
  assert.deepEqual(
    activities([], now).map(({ newPairs, callsPerSecond }) => [newPairs, callsPerSecond]),
    [
      [0, 0],
      [0, 0],
    ],
  )
})
