/** A program's normal taken over from eight hosts: shown, done, marked, and in force after own processes. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { codesOf } from '#fleet'
import { decodeProfile, pairCode, tableInForce } from '#homeostasis'
import type { Host } from '../../src/daemon/host.ts'
import { FakeSensor } from './fake-sensor.ts'
import { fleetOf, nginx, sha256, type Triple, until, usual } from './fleet-hosts.ts'

const day = 24 * 3_600_000
const names = ['newcomer', ...Array.from({ length: 8 }, (_, n) => `donor-${n}`), 'watched']
/** What one liar says, what three hosts have, and what one learned yesterday. */
const poison: Triple = [40, 1, 1]
const rare: Triple = [41, 2, 2]
const codeOf = ([current, previous, distance]: Triple) => pairCode(current, previous, distance)

describe('adopting', { concurrency: false }, () => {
  const ends: (() => void | Promise<void>)[] = []
  const clock = { aheadMs: -9 * day }
  const sensor = new FakeSensor()
  let hosts: Host[]
  let newcomer: Host

  before(async () => {
    hosts = await fleetOf(
      { after: (end) => ends.push(end) },
      names,
      (name) => {
        if (!name.startsWith('donor')) return undefined
        const more = name === 'donor-0' ? [poison] : name < 'donor-4' ? [rare] : []
        return { pairs: [...usual, ...more], age: 30 * day }
      },
      clock,
      (name) => (name === 'watched' ? sensor : undefined),
    )
    newcomer = hosts[0] as Host
  })
  after(async () => {
    for (const end of ends.reverse()) await end()
  })

  it('nobody donates whose certificate is younger than seven days', async () => {
    const { plan, text } = await newcomer.fleet.adopting.plan(nginx, [])
    assert.equal(plan, undefined)
    assert.match(text, /nothing is adopted: 0 of 8 hosts/)
    clock.aheadMs = 0
    await until(
      'all have told anew',
      () => {
        for (const host of hosts) void host.fleet.keepHouse()
        return hosts.every(
          ({ mesh, name }) =>
            [...mesh.digests.all()].filter(({ expires }) => expires > Date.now()).length >=
            (name.startsWith('donor') ? 7 : 8),
        )
      },
      60,
    )
  })

  it('a plan says what, from whom, and what is left out; nothing is done yet', async () => {
    const planned = await newcomer.fleet.adopting.plan('nginx', [])
    assert.equal(planned.donors.length, 8)
    assert.equal(planned.quorum, 3)
    assert.equal(planned.pairs, usual.length + 1)
    assert.equal(planned.weak, 1)
    assert.equal(planned.leftOut.tooFew, 1)
    assert.equal(planned.adopted, false)
    assert.deepEqual(newcomer.operator.rows(), [])
  })

  it('a liar alone does not get his pair in; what is taken over is normal, and marked for others', async () => {
    const { plan = '' } = await newcomer.fleet.adopting.plan(nginx, [])
    const done = await newcomer.fleet.adopting.carryOut(plan)
    assert.equal(done.adopted, true)
    await assert.rejects(newcomer.fleet.adopting.carryOut(plan), /no plan of the last 10 minutes/)
    const [row] = newcomer.operator.rows()
    assert.deepEqual([row?.binary, row?.sha256, row?.state], [nginx, sha256, 'normal'])
    const given = await newcomer.fleet.own.find({ binary: nginx })
    const record = decodeProfile(given?.file as Uint8Array)
    const codes = new Set(codesOf(tableInForce(record)))
    assert.deepEqual(codes, new Set([...usual, rare].map(codeOf)))
    assert.ok([...codes].every((code) => record.support?.get(code)?.borrowed))
    assert.match(record.about.adopted ?? '', /3 of 8 donors/)
    await assert.rejects(newcomer.fleet.adopting.plan(nginx, []), /normal here already/)
  })

  it('where the program runs, five of its own processes come first', async () => {
    const watched = hosts.at(-1) as Host
    sensor.appear(1, nginx, sha256)
    sensor.call(1, 1, 2, 3)
    sensor.tick()
    await watched.detector?.idle()
    const { plan = '' } = await watched.fleet.adopting.plan(nginx, [])
    await watched.fleet.adopting.carryOut(plan)
    const state = () => watched.operator.rows().find(({ binary }) => binary === nginx)?.state
    assert.equal(state(), 'learning')
    assert.ok((watched.operator.rows()[0]?.pairs ?? 0) > usual.length)
    clock.aheadMs = 2 * 3_600_000
    await watched.fleet.keepHouse()
    sensor.tick()
    await watched.detector?.idle()
    assert.equal(state(), 'normal')
    // A pair that is new to all is an anomaly at once.
    sensor.call(1, 77)
    await watched.detector?.idle()
    assert.equal(watched.incidents.open().length, 1)
  })
})
