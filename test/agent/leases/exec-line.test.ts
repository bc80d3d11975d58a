/** Who is of a suspended process's line, and who goes on when a gate has left somebody waiting. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, describe, it } from 'node:test'
import { binaryOf, startTicksOf, statusOf } from '../../../src/agent/host/processes.ts'
import { writeLease } from '../../../src/agent/leases/file.ts'
import { continueLeftovers, readGate, writeGate, writeHeld } from '../../../src/agent/leases/gate-file.ts'
import { execLeases, isOfLine, lineBelow } from '../../../src/agent/leases/line.ts'
import { until } from '../../system/hosts.ts'

const folder = mkdtempSync(join(tmpdir(), 'lymph-line-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const started: ChildProcess[] = []
afterEach(() => {
  for (const child of started.splice(0)) process.kill(-(child.pid as number), 'SIGKILL')
})
function start(script: string): number {
  const child = spawn('/bin/sh', ['-c', script], { stdio: 'ignore', detached: true })
  started.push(child)
  return child.pid as number
}
const named = (pid: number) => ({ pid, startTicks: startTicksOf(pid) as number })
const childOf = (pid: number) =>
  until('its child', () => {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
    return child ? Number(child) : undefined
  })
const run = { pid: process.pid, startTicks: startTicksOf(process.pid) as number, over: true }
let leases = 0
/** A lease on the execs of a process, as the gate reads it. */
function lease(pid: number, startTicks: number, never: string[] = [], until_ = Date.now() + 60_000) {
  const id = `${++leases}`.padStart(8, '0')
  const undo = { kind: 'release-exec' as const, pid, startTicks }
  writeLease(folder, { id, what: 'a test', until: until_, run, never, undo })
  return execLeases(folder, Date.now(), []).find((one) => one.id === id)
}

describe('the line of a suspended process', () => {
  it('is itself and what descends from it, parents first; nobody beside it', async () => {
    const top = start('/bin/sh -c "/bin/sleep 60; :"; :')
    const middle = await childOf(top)
    const sleeper = await childOf(middle)
    const other = start('/bin/sleep 60')
    const { startTicks } = named(middle)
    const one = lease(middle, startTicks)
    assert.ok(one)
    assert.deepEqual(
      lineBelow(one).map(({ pid }) => pid),
      [middle, sleeper],
    )
    assert.deepEqual(
      [top, middle, sleeper, other].map((pid) => isOfLine(pid, [one])),
      [false, true, true, false],
    )
  })

  it('a process that only has the number is another, and a lease that is over is none', () => {
    const pid = start('/bin/sleep 60')
    const { startTicks } = named(pid)
    const stranger = lease(pid, startTicks - 1)
    assert.ok(stranger)
    assert.deepEqual(lineBelow(stranger), [])
    assert.equal(isOfLine(pid, [stranger]), false)
    assert.equal(lease(pid, startTicks, [], Date.now() - 1), undefined)
  })

  it("ends at a program of root's list", async () => {
    const top = start('/bin/sleep 60; :')
    const sleeper = await childOf(top)
    await until('it is another program', () => binaryOf(sleeper) !== binaryOf(top) || undefined)
    const one = lease(top, named(top).startTicks, [binaryOf(sleeper)])
    assert.ok(one)
    assert.deepEqual(
      lineBelow(one).map(({ pid }) => pid),
      [top],
    )
    assert.equal(isOfLine(sleeper, [one]), false)
  })
})

describe('what a gate leaves', () => {
  it('whom it held goes on, but for one that a lease of its own stops, and one that only has the number', async () => {
    const [free, stopped, stranger] = [start('sleep 60'), start('sleep 60'), start('sleep 60')]
    for (const pid of [free, stopped, stranger]) process.kill(pid, 'SIGSTOP')
    for (const pid of [free, stopped, stranger])
      await until('stopped', () => statusOf(pid) === 'T' || undefined)
    const undo = { kind: 'continue' as const, ...named(stopped) }
    writeLease(folder, { id: 'aaaaaaaa', what: 'stopped', until: Date.now() + 60_000, run, undo })
    writeHeld(folder, [
      named(free),
      named(stopped),
      { pid: stranger, startTicks: named(stranger).startTicks - 1 },
    ])
    continueLeftovers(folder)
    await until('it goes on', () => statusOf(free) !== 'T' || undefined)
    assert.equal(statusOf(stopped), 'T')
    assert.equal(statusOf(stranger), 'T')
    assert.equal(existsSync(join(folder, `held.${process.pid}`)), false)
  })

  it('its word is read back, and what is none is none', () => {
    writeGate(folder, { how: 'lsm', why: '', map: 7, leases: ['00000001'] })
    assert.deepEqual(readGate(folder)?.leases, ['00000001'])
    writeFileSync(join(folder, 'gate'), '{"pid":"x"}')
    assert.equal(readGate(folder), undefined)
    writeFileSync(join(folder, 'held.1'), '[{"pid":1,"startTicks":0}]')
    continueLeftovers(folder)
    assert.equal(existsSync(join(folder, 'held.1')), false, 'init is nobody who waits')
  })
})
