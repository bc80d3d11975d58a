/**
 * What an operator's word does to units that are held back, on a running host: those of an incident that was resolved leave
 * the yardstick and are never learned, those of one that was tolerated are learned; a restart in between changes nothing.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { decodeProfile, type JudgementParts, judgementFrom } from '#homeostasis'
import { noKernel } from '../sensor/kernel/available.ts'
import { ask, Cleanup, type Live, loopback, until } from './hosts.ts'

const skip = (await noKernel()) ?? false
/** Units that pass before one that waits is learned. */
const QUARANTINE = 64
const USUAL = 140

interface Row {
  binary: string
  units: number
  m: number
  waiting: number
  aside: number
}
interface Line {
  id: string
  binary: string
  state: string
  bits: number | null
  tolerated?: string
  ordinals: number[]
  kinds: { bits: number; units: number; lastSeen: number }[]
}

describe('the operator and the units that are held back', { skip }, () => {
  const cleanup = new Cleanup()
  after(() => cleanup.end())
  const folder = skip ? '' : cleanup.folder('operator')
  const state = join(folder, 'state')
  const find = join(folder, 'find')
  const tree = join(folder, 'tree')
  let up: Live
  let attack: Line
  let legitimate: Line

  const start = async () => cleanup.up(state, ['--host', 'alpha', '--listen', await loopback()])
  const row = async () => (await ask<Row[]>(state, ['profile', 'list'])).find(({ binary }) => binary === find)
  const there = (what: string, holds: (row: Row) => boolean) =>
    until(what, async () => {
      const now = await row()
      return now && holds(now) ? now : undefined
    })
  const incidents = async () =>
    (await ask<Line[]>(state, ['incident', 'list'])).filter(({ binary }) => binary === find)
  const opened = (what: string) =>
    until(what, async () =>
      (await incidents()).find((one) => one.state === 'open' && one.ordinals.length > 0),
    )
  const run = (...args: string[]) => execFileSync(find, args, { stdio: 'ignore' })
  const usual = (count: number) => {
    for (let i = 0; i < count; i++) run(tree, '-name', `no-${i}`)
  }
  /** Deletes, as it never did. */
  const strike = () => {
    for (let i = 0; i < 40; i++) writeFileSync(join(tree, `file-${i}`), '')
    run(tree, '-type', 'f', '-delete')
  }
  /** Writes a list, as it never did. */
  const list = () => run(tree, '-fls', join(folder, 'list'))
  /** The judgement as the state folder has it. */
  const kept = async (): Promise<JudgementParts> => {
    const file = join(folder, 'profile')
    await ask(state, ['profile', 'export', find, '-o', file])
    const { judgement } = decodeProfile(readFileSync(file))
    assert.ok(judgement, 'the profile keeps its judgement')
    return judgementFrom(judgement, 1).parts()
  }
  const ordinalsOf = (units: readonly { ordinal: number }[] = []) => units.map(({ ordinal }) => ordinal)

  it('a unit that is odd is held back', async () => {
    copyFileSync('/usr/bin/find', find)
    chmodSync(find, 0o755)
    mkdirSync(tree)
    up = await start()
    usual(USUAL)
    await there('what is usual', ({ units }) => units >= USUAL)
    await ask(state, ['profile', 'normalize', find])
    await there('a yardstick', ({ m }) => m >= 50)
    strike()
    attack = await opened('an incident of the attack')
    assert.ok((attack.bits ?? 0) >= 8, `${attack.bits} bits`)
    const { waiting, aside } = await there('what waits', (now) => now.waiting > 0)
    assert.deepEqual({ waiting, aside }, { waiting: attack.ordinals.length, aside: 0 })
  })

  it('resolved: its units leave the ring and wait for a word, at once and on the disk', async () => {
    const before = await kept()
    assert.ok(attack.ordinals.every((ordinal) => ordinalsOf(before.ring).includes(ordinal)))
    await ask(state, ['incident', 'resolve', attack.id])
    const { ring, held } = await kept()
    assert.deepEqual(ordinalsOf(held?.waiting), [])
    assert.deepEqual(ordinalsOf(held?.aside), attack.ordinals)
    assert.ok(!attack.ordinals.some((ordinal) => ordinalsOf(ring).includes(ordinal)))
  })

  it('what waits and what was resolved are there after a restart', async () => {
    list()
    legitimate = await opened('an incident of the list')
    const before = await there('what waits', ({ waiting }) => waiting > 0)
    await up.end()
    up = await start()
    const now = await there('the profile', ({ units }) => units >= before.units)
    assert.deepEqual([now.waiting, now.aside], [legitimate.ordinals.length, attack.ordinals.length])
  })

  it('tolerated: its units are learned, those of the other are not', async () => {
    const { supports } = await kept()
    await ask(state, ['incident', 'tolerate', legitimate.id, '--until', '1d', '--reason', 'a new list'])
    const after = await kept()
    assert.equal(after.supports.n, supports.n + legitimate.ordinals.length)
    assert.deepEqual(ordinalsOf(after.held?.waiting), [])
    assert.deepEqual(ordinalsOf(after.held?.aside), attack.ordinals)
  })

  it('kill -9 and more usual units than any waits for: what was resolved is still not learned', async () => {
    up.process.kill('SIGKILL')
    await up.ended
    up = await start()
    const before = await there('the profile', ({ units }) => units > 0)
    usual(QUARANTINE + 6)
    await there('usual units', ({ units }) => units >= before.units + QUARANTINE + 6)
    assert.deepEqual(ordinalsOf((await kept()).held?.aside), attack.ordinals)
    /** The incident that took in what was done. */
    const shows = async (act: () => void) => {
      const { units } = (await row())!
      const since = Date.now()
      act()
      await there('one more unit', (now) => now.units > units)
      return until('an incident of it', async () =>
        (await incidents()).find(({ kinds }) => kinds.some(({ lastSeen }) => lastSeen >= since)),
      )
    }
    const again = await shows(list)
    assert.ok(again.tolerated, 'what was tolerated is excused when it comes again')
    const struck = await shows(strike)
    assert.equal(struck.id, again.id, 'one incident of the program')
    assert.equal(struck.tolerated, undefined, 'what was resolved is not excused by what was tolerated')
    assert.equal(struck.kinds.length, 2)
    assert.ok(struck.kinds.every(({ bits }) => bits >= 8))
  })
})
