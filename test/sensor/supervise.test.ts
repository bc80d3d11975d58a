/** What whoever started the sensor makes of its word, true or not. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { SensorSupervisor } from '#sensor'

const statOf = (pid: number) => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}
const stateOf = (pid: number) => statOf(pid)[0]
const startTimeOf = (pid: number) => Number(statOf(pid)[19])

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !holds(); await new Promise((resolve) => setTimeout(resolve, 10)))
    assert.ok(Date.now() < end, `${what}: not within 10 s`)
}

async function stoppedChild(t: TestContext): Promise<number> {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  t.after(() => child.kill('SIGKILL'))
  const pid = child.pid as number
  await until('it sleeps', () => stateOf(pid) === 'S')
  process.kill(pid, 'SIGSTOP')
  await until('it is stopped', () => stateOf(pid) === 'T')
  return pid
}

const lineOf = (report: object) => `${JSON.stringify(report)}\n`

test('what was reported as stopped is continued, however the report came in pieces', async (t) => {
  const supervisor = new SensorSupervisor()
  const pid = await stoppedChild(t)
  const line = lineOf({ stopped: { pid, startTime: startTimeOf(pid), until: Date.now() } })
  for (const letter of line) supervisor.take(letter)
  assert.deepEqual(supervisor.held, [pid])
  assert.deepEqual(supervisor.continueAll(), [pid])
  await until('it runs', () => stateOf(pid) !== 'T')
  assert.deepEqual(supervisor.held, [])
})

test('a number that is another process by now is left alone', async (t) => {
  const supervisor = new SensorSupervisor()
  const pid = await stoppedChild(t)
  supervisor.take(lineOf({ stopped: { pid, startTime: startTimeOf(pid) - 1, until: 0 } }))
  assert.deepEqual(supervisor.continueAll(), [])
  assert.equal(stateOf(pid), 'T')
})

test('a process of an armed program is continued, though the sensor died before it could tell', async (t) => {
  const supervisor = new SensorSupervisor()
  const pid = await stoppedChild(t)
  const { ino, dev } = statSync(`/proc/${pid}/exe`, { bigint: true })
  // The kernel's own number of a device: 12 bits of major over 20 of minor; stat(2) folds them differently.
  const major = Number((dev >> 8n) & 0xfffn)
  const minor = Number((dev & 0xffn) | ((dev >> 12n) & 0xfff00n))
  supervisor.take(lineOf({ armed: [{ path: '/bin/sleep', dev: major * 2 ** 20 + minor, ino: String(ino) }] }))
  assert.deepEqual(supervisor.continueAll(), [pid])
  await until('it runs', () => stateOf(pid) !== 'T')
})

test('who is held far beyond its time is continued while the sensor lives', async (t) => {
  const supervisor = new SensorSupervisor()
  const pid = await stoppedChild(t)
  const now = Date.now()
  supervisor.take(lineOf({ stopped: { pid, startTime: startTimeOf(pid), until: now } }))
  assert.deepEqual(supervisor.continueOverdue(now + 1000), [])
  assert.deepEqual(supervisor.continueOverdue(now + 6000), [pid])
  assert.deepEqual(supervisor.held, [])
})

test('what is no report is counted and changes nothing', () => {
  const supervisor = new SensorSupervisor()
  const bad = [
    'half a li',
    '[1, 2]x',
    'null',
    '{"stopped":{"pid":"1","startTime":0,"until":0}}',
    '{"stopped":{"pid":1,"startTime":0,"until":0}}',
    '{"stopped":{"pid":-5,"startTime":0,"until":0}}',
    '{"stopped":{"pid":1.5,"startTime":0,"until":0}}',
    '{"armed":5}',
    '{"armed":[null]}',
    '{"armed":[{"dev":"1","ino":1}]}',
    '{"continued":{"pid":"x"}}',
  ]
  for (const line of bad) supervisor.take(`${line}\n`)
  assert.equal(supervisor.unread, bad.length)
  assert.deepEqual(supervisor.held, [])
  assert.deepEqual(supervisor.continueAll(), [])
})

test('no line and no number of reports takes memory without end; what comes after is understood', () => {
  const supervisor = new SensorSupervisor()
  const piece = 'x'.repeat(1 << 16)
  for (let i = 0; i < 100; i++) supervisor.take(piece)
  assert.ok(supervisor.unread > 0)
  supervisor.take('\n')
  // Beyond every process number there is, so that nobody is meant.
  for (let i = 0; i < 10_000; i++)
    supervisor.take(lineOf({ stopped: { pid: 2 ** 22 + 2 + i, startTime: 1, until: 1 } }))
  assert.equal(supervisor.held.length, 4096)
  supervisor.take(lineOf({ continued: { pid: 2 ** 22 + 2 } }))
  assert.equal(supervisor.held.length, 4095)
})
