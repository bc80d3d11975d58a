/** An incident put to ten hosts of one mesh: known to all, to none, and what a liar's word is worth. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { decodeQuestion, encodeAskAnswer, planFor, questionHash } from '#fleet'
import { decodeProfile, pairCode, tableInForce } from '#homeostasis'
import type { Incident } from '#incidents'
import { ASK_PURPOSE } from '../../src/daemon/fleet/answering.ts'
import type { Host } from '../../src/daemon/host.ts'
import { FakeSensor } from './fake-sensor.ts'
import { fleetOf, nginx, sha256, type Triple, until, usual } from './fleet-hosts.ts'

const names = ['asker', ...Array.from({ length: 9 }, (_, n) => `peer-${n}`)]
/** What the others have and the asker has not; and what nobody has. */
const elsewhere: Triple[] = [
  [20, 3, 1],
  [20, 4, 2],
]

describe('asking before paging', { concurrency: false }, () => {
  let hosts: Host[]
  let asker: Host
  const ends: (() => void | Promise<void>)[] = []

  before(async () => {
    hosts = await fleetOf({ after: (end) => ends.push(end) }, names, (name) => ({
      pairs: name === 'asker' ? usual : [...usual, ...elsewhere],
    }))
    asker = hosts[0] as Host
  })
  after(async () => {
    for (const end of ends.reverse()) await end()
  })

  it('is told by each of its hosts', () => {
    assert.equal([...asker.mesh.digests.all()].length, 9)
  })

  /** A call after others, in the program's normal profile; which pairs of it are new. */
  function raise(current: number, previous: number[], missing: number, pid: number): Incident {
    const anomaly = { pid, current, previous, missing, lfc: 12, maxLfc: 12 }
    return asker.incidents.observe(anomaly, { binary: nginx, sha256, abi: 'x86-64', window: 6 })
  }

  it('what enough others know is familiar, within 7 s', async (t) => {
    const began = Date.now()
    const { id } = raise(20, [3, 4, 0, 0, 0], 0b00011, 100)
    await until('a verdict', () => asker.incidents.book.get(id)?.familiarity !== undefined, 10)
    const took = Date.now() - began
    t.diagnostic(`verdict after ${took} ms`)
    assert.ok(took < 7000, `${took} ms`)
    const { familiarity } = asker.incidents.book.get(id) as Incident
    assert.deepEqual([familiarity?.known, familiarity?.asked, familiarity?.verdict], [9, 9, 'familiar'])
    assert.ok(asker.classes.at(Date.now()).some(({ name }) => name === 'ph_familiar'))
    asker.incidents.resolve(id)
  })

  it('what nobody knows is unfamiliar, and its semaphore carries the hashes of its pairs', async () => {
    const { id } = raise(33, [5, 6, 0, 0, 0], 0b00011, 101)
    await until('a verdict', () => asker.incidents.book.get(id)?.familiarity !== undefined, 10)
    const { familiarity } = asker.incidents.book.get(id) as Incident
    assert.deepEqual([familiarity?.known, familiarity?.asked, familiarity?.verdict], [0, 9, 'unfamiliar'])
    assert.equal(familiarity?.unfamiliar.length, 2)
    assert.ok(asker.classes.at(Date.now()).some(({ name }) => name === 'ph_unfamiliar'))
    await until('the wave is known to others', () =>
      hosts.slice(1).every(({ mesh }) => mesh.waves.gauge().incidents === 1),
    )
    // A second host with the same incident joins it.
    const other = hosts[1] as Host
    const anomaly = { pid: 7, current: 33, previous: [5, 6, 0, 0, 0], missing: 3, lfc: 12, maxLfc: 12 }
    const joined = other.incidents.observe(anomaly, { binary: nginx, sha256, abi: 'x86-64', window: 6 })
    await until('its verdict', () => other.incidents.book.get(joined.id)?.familiarity !== undefined, 10)
    assert.equal(other.incidents.book.get(joined.id)?.familiarity?.wave?.host, 'asker')
    asker.incidents.resolve(id)
  })

  it('who says yes to all is caught by the decoys, counted and named; the others decide', async () => {
    const liar = hosts[4] as Host
    liar.fleet.answerer.answer = async (bytes) => {
      const mesh = liar.mesh.mesh
      const id = Buffer.from(mesh.status().id, 'hex')
      const { codes } = decodeQuestion(bytes, 'x', { mesh: id, now: Date.now() })
      const answer = {
        question: questionHash(bytes),
        word: codes.map(() => 1 as const),
        processes: 9,
        digest: 0,
      }
      return encodeAskAnswer(
        { ...answer, time: Date.now() },
        { sign: (said) => mesh.signBytes(ASK_PURPOSE, said) },
      )
    }
    const { id } = raise(20, [3, 4, 0, 0, 0], 0b00011, 102)
    const asked = await asker.fleet.asking.askAbout(id)
    assert.deepEqual([asked.known, asked.asked, asked.verdict], [8, 8, 'familiar'])
    assert.deepEqual(asked.liars, ['peer-3'])
    assert.deepEqual([asked.drawn, asked.quorum], [9, planFor(9).quorum])
    const line = asker.mesh.memberLines().find(({ name }) => name === 'peer-3')
    assert.equal(line?.refused.liar, 1)
    asker.incidents.resolve(id)
  })

  it('an answer that another signed, and one that is no answer, count as none', async () => {
    const [, , forger, mute] = hosts as [Host, Host, Host, Host]
    const honest = forger.fleet.answerer.answer.bind(forger.fleet.answerer)
    forger.fleet.answerer.answer = async (bytes, from) => {
      const answer = await honest(bytes, from)
      answer[answer.length - 1] = (answer.at(-1) as number) ^ 1
      return answer
    }
    mute.fleet.answerer.answer = async () => new Uint8Array(10)
    const { id } = raise(20, [3, 4, 0, 0, 0], 0b00011, 103)
    const asked = await asker.fleet.asking.askAbout(id)
    assert.deepEqual([asked.known, asked.asked], [6, 6])
    assert.equal(asked.verdict, 'not-asked-enough')
    const refused = Object.fromEntries(asker.mesh.memberLines().map(({ name, refused: of }) => [name, of]))
    assert.equal(refused['peer-1']?.['not-the-author'], 1)
    assert.equal(refused['peer-2']?.['bad-answer'], 1)
    asker.incidents.resolve(id)
  })

  it('a question is answered ten times a minute to one member, then it is busy', async () => {
    const answerer = (hosts[8] as Host).fleet.answerer
    assert.ok(answerer.gauge().busy === 0)
    // Two minutes' worth, should one begin meanwhile.
    for (let n = 0; n < 25 && answerer.gauge().busy === 0; n++) {
      const { id } = raise(20, [3, 4, 0, 0, 0], 0b00011, 104)
      await asker.fleet.asking.askAbout(id)
      asker.incidents.resolve(id)
    }
    assert.ok(answerer.gauge().busy > 0)
  })
})

describe('with fleet.familiar: learn', { concurrency: false }, () => {
  const ends: (() => void | Promise<void>)[] = []
  after(async () => {
    for (const end of ends.reverse()) await end()
  })

  it('what the fleet knows becomes normal here, and is marked: nobody is told that this host knows it', async () => {
    const sensor = new FakeSensor()
    const hosts = await fleetOf(
      { after: (end) => ends.push(end) },
      names,
      (name) => ({
        pairs: name === 'asker' ? usual : [...usual, ...elsewhere],
        familiar: 'learn',
      }),
      { aheadMs: 0 },
      (name) => (name === 'asker' ? sensor : undefined),
    )
    const asker = hosts[0] as Host
    sensor.appear(1, nginx, sha256)
    await asker.detector?.idle()
    sensor.tick()
    await asker.detector?.idle()
    const anomaly = { pid: 9, current: 20, previous: [3, 4, 0, 0, 0], missing: 0b00011, lfc: 2, maxLfc: 2 }
    const { id } = asker.incidents.observe(anomaly, { binary: nginx, sha256, abi: 'x86-64', window: 6 })
    const asked = await asker.fleet.asking.askAbout(id)
    assert.equal(asked.verdict, 'familiar')
    assert.deepEqual(asker.fleet.asking.told(asker.incidents.open()), [], 'the mesh is not told')
    const found = await asker.fleet.own.find({ binary: nginx })
    const record = decodeProfile(found?.file as Uint8Array)
    for (const [current, previous, distance] of elsewhere) {
      assert.ok(tableInForce(record).has(current, previous, distance))
      assert.equal(record.support?.get(pairCode(current, previous, distance))?.borrowed, true)
    }
    assert.equal(record.support?.get(pairCode(...(usual[0] as Triple))), undefined)
  })
})

describe('with fleet.page: recurring', { concurrency: false }, () => {
  const ends: (() => void | Promise<void>)[] = []
  after(async () => {
    for (const end of ends.reverse()) await end()
  })

  it('what nobody knows is listed at once, and told when another process shows it again; the severe is told at once', async () => {
    const sensor = new FakeSensor()
    const hosts = await fleetOf(
      { after: (end) => ends.push(end) },
      names.slice(0, 8),
      () => ({ pairs: usual, page: 'recurring' }),
      { aheadMs: 0 },
      (name) => (name === 'asker' ? sensor : undefined),
    )
    const [asker, other] = hosts as [Host, Host]
    sensor.appear(1, nginx, sha256)
    await asker.detector?.idle()
    const stands = (name: string) => asker.classes.at(Date.now()).some((one) => one.name === name)
    const heard = () => other.mesh.warnings().length
    const verdict = () => asker.incidents.open()[0]?.familiarity

    sensor.stray(1, 100, 33, [5, 6, 0, 0, 0], 0b00011)
    await until('a verdict', () => verdict() !== undefined, 10)
    assert.deepEqual([verdict()?.verdict, verdict()?.waits], ['unfamiliar', true])
    const [{ id }] = asker.incidents.open() as [Incident]
    // The same process goes on, and its wait with it.
    sensor.stray(1, 100, 33, [5, 6, 0, 0, 0], 0b00011)
    await new Promise((resolve) => setTimeout(resolve, 1500))
    assert.deepEqual([verdict()?.waits, heard(), stands('ph_unfamiliar')], [true, 0, false])
    assert.ok(stands('ph_sequence_anomaly'), 'it stands here')
    assert.equal(asker.fleet.asking.gauge().paging.waiting, 1)

    const asked = asker.fleet.asking.gauge().asked
    sensor.stray(1, 101, 33, [5, 6, 0, 0, 0], 0b00001)
    await until('the other hears of it', () => heard() === 1, 10)
    assert.equal(asker.fleet.asking.gauge().asked, asked + 1, 'the fleet is asked again')
    assert.equal(verdict()?.waits, undefined)
    await until('it is a class', () => stands('ph_unfamiliar'))
    assert.equal(asker.fleet.asking.gauge().paging.waiting, 0)
    asker.incidents.resolve(id)
    await until('it is taken back', () => heard() === 0)

    // LFC 30: severe.
    sensor.stray(1, 102, 34, [7, 8, 0, 0, 0], 0b00011, 30)
    await until('the other hears of the severe one', () => heard() === 1, 2)
    await until('its verdict', () => verdict() !== undefined, 10)
    assert.deepEqual([verdict()?.verdict, verdict()?.waits], ['unfamiliar', undefined])
    assert.equal(heard(), 1)
  })
})
