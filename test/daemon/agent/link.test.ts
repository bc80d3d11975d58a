/** The agent's side of the daemon: lists, semaphores, delays for a time, what delays would have done. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ClassBoard } from '#classes'
import { type Incident, unjudged } from '#incidents'
import type { AgentConfig } from '../../../src/daemon/agent/config.ts'
import { AgentLink, type AgentPorts } from '../../../src/daemon/agent/link.ts'
import { ENDED_LIMIT, OFFENDERS_LIMIT, OffenderList } from '../../../src/daemon/agent/offenders.ts'
import { nextRun, splayOf } from '../../../src/daemon/agent/schedule.ts'
import { PROCESSES_LIMIT, type SavedShadow, ShadowDelays } from '../../../src/daemon/agent/shadow.ts'
import { BinaryResponses } from '../../../src/daemon/profiles/responses.ts'
import { initialSettings } from '../../../src/daemon/settings.ts'

const incident = (id: string, binary = '/usr/bin/x'): Incident => ({
  id,
  binary,
  sha256: '',
  abi: 'x86-64',
  window: 6,
  severity: 'notice',
  anomalous: 1,
  maxLfc: 1,
  pairs: [],
  pairsCut: 0,
  pids: [],
  firstSeen: 0,
  lastSeen: 0,
  state: 'open',
  ...unjudged(),
})

function world(kept: { shadow?: SavedShadow } = {}) {
  const it = {
    now: 1_000_000,
    tolerated: [] as string[],
    excused: new Map<string, number>(),
    applied: [] as string[],
    open: [incident('aaaaaaaa')],
  }
  const classes = new ClassBoard()
  const settings = initialSettings()
  const saved = { list: async function* () {}, put: async () => {}, del: async () => {} }
  const responses = new BinaryResponses(saved as never, () => settings)
  const config: AgentConfig = {
    enabled: true,
    dryRun: false,
    policy: '',
    intervalMs: 300_000,
    splayMs: 0,
    never: [],
    execGate: 'auto',
    webhooks: ['http://127.0.0.1:1/hook'],
  }
  const link = new AgentLink({
    config,
    classes,
    responses,
    settings: () => settings,
    messages: { level: 4, say() {}, close() {} },
    now: () => it.now,
    host: () => 'alpha',
    incidents: () => it.open,
    tolerated: ({ id }) => it.tolerated.includes(id),
    excused: () => it.excused,
    load: () => [],
    applyResponse: async (binary) => void it.applied.push(binary),
    shadow: {
      ...(saved as never as AgentPorts['shadow']),
      get: async () => kept.shadow,
      put: async (_name, value) => void Object.assign(kept, { shadow: structuredClone(value) }),
    },
  })
  const holds = () => classes.holds('ph_sequence_anomaly', it.now)
  const facts = () =>
    link.facts() as {
      at: number
      offenders: { ph_sequence: { pid: number; lfc: number; tolerated: boolean }[] }
    }
  return { it, link, classes, responses, holds, facts }
}

describe('the agent link', () => {
  it('an anomaly is an entry and a semaphore, which stands until a run that looked after it', async () => {
    const { it: at, link, holds, facts } = world()
    link.observe({ pid: 10, lfc: 3 }, incident('aaaaaaaa'))
    link.observe({ pid: 10, lfc: 9 }, incident('aaaaaaaa'))
    assert.equal(holds(), true)
    assert.deepEqual(
      facts().offenders.ph_sequence.map(({ pid, lfc }) => [pid, lfc]),
      [[10, 9]],
    )
    const word = (upTo: number) =>
      link.run({ id: '00000001', state: 'over', dealt: ['ph_sequence_anomaly'], upTo })
    assert.deepEqual((await word(at.now - 1)).expedited, [], 'it was raised after that run looked')
    assert.equal(holds(), true)
    assert.deepEqual((await word(at.now)).expedited, ['ph_sequence_anomaly'])
    assert.equal(holds(), false)
    assert.deepEqual(facts().offenders.ph_sequence, [])
    at.now += 1000
    link.observe({ pid: 11, lfc: 1 }, incident('aaaaaaaa'))
    assert.equal(holds(), true, 'the incident goes on')
  })

  it('what is tolerated is on no list, and raises nothing', () => {
    const { it: at, link, holds, facts } = world()
    link.observe({ pid: 10, lfc: 3 }, incident('aaaaaaaa'))
    at.tolerated = ['aaaaaaaa']
    assert.equal(facts().offenders.ph_sequence[0]?.tolerated, true)
    const other = world()
    other.it.tolerated = ['aaaaaaaa']
    other.link.observe({ pid: 10, lfc: 3 }, incident('aaaaaaaa'))
    assert.equal(other.holds(), false)
    assert.equal(holds(), true)
  })

  it('who has ended is told apart, until a run has dealt with it; the newest are kept', async () => {
    const { it: at, link } = world()
    const ended = () =>
      (link.facts() as { ended: { pid: number; endedAt: number; seenAt: number; tolerated: boolean }[] })
        .ended
    link.observe({ pid: 10, lfc: 3 }, incident('aaaaaaaa'))
    at.now += 40
    link.ended(10)
    link.ended(12)
    assert.deepEqual(ended(), [
      {
        ...{ pid: 10, binary: '/usr/bin/x', seenAt: at.now - 40, endedAt: at.now },
        ...{ lfc: 3, incident: 'aaaaaaaa', tolerated: false },
      },
    ])
    at.tolerated = ['aaaaaaaa']
    assert.equal(ended()[0]?.tolerated, true)
    await link.run({ id: '00000001', state: 'over', dealt: ['ph_sequence_anomaly'], upTo: at.now })
    assert.deepEqual(ended(), [])
    at.tolerated = []
    for (let pid = 1; pid <= ENDED_LIMIT + 7; pid++) {
      link.observe({ pid, lfc: 1 }, incident('aaaaaaaa'))
      link.ended(pid)
    }
    assert.equal(ended().length, ENDED_LIMIT)
    assert.equal(ended()[0]?.pid, 8)
    assert.equal(link.status().endedDropped, 7)
  })

  it('a delay for a time ends by itself, and with a run that is not heard of', async () => {
    const { it: at, link, responses } = world()
    await link.delay('/usr/bin/x', undefined, at.now + 60_000, undefined)
    assert.equal(responses.unitMs('/usr/bin/x'), 10)
    at.now += 60_000
    link.keepHouse()
    assert.equal(responses.unitMs('/usr/bin/x'), 0)
    await link.delay('/usr/bin/x', 50, at.now + 60_000, '00000002')
    at.now += 2000
    await link.run({ id: '00000002', state: 'alive', dealt: [], upTo: 0 })
    at.now += 2000
    link.keepHouse()
    assert.equal(responses.unitMs('/usr/bin/x'), 50, 'it lives')
    at.now += 1000
    link.keepHouse()
    assert.equal(responses.unitMs('/usr/bin/x'), 0, 'it died')
    await link.delay('/usr/bin/x', 50, at.now + 60_000, '00000003')
    await link.run({ id: '00000003', state: 'over', dealt: [], upTo: 0 })
    at.now += 30_000
    link.keepHouse()
    assert.equal(responses.unitMs('/usr/bin/x'), 50, 'through: it lasts by itself')
  })

  it('a program that something is tolerated of is not delayed, and it says until when', async () => {
    const { it: at, link, responses } = world()
    at.excused = new Map([['/usr/bin/x', 5_000_000]])
    const answer = await link.delay('/usr/bin/x', 50, at.now + 60_000, undefined)
    assert.deepEqual(answer, { before: 'ignore', toleratedUntil: 5_000_000 })
    assert.equal(responses.leased.size, 0)
    assert.deepEqual((link.facts() as { excused?: unknown }).excused, [
      { binary: '/usr/bin/x', until: 5_000_000 },
    ])
  })

  it('webhooks go where the config allows, and nowhere else', () => {
    const { link } = world()
    assert.throws(() => link.report('x', { url: 'http://169.254.169.254/' }), /does not allow it/)
  })

  it('the list of offenders has a cap, and forgets who was quiet longest', () => {
    const list = new OffenderList()
    for (let pid = 1; pid <= OFFENDERS_LIMIT + 10; pid++)
      list.saw({ pid, binary: '/x', seenAt: pid, lfc: 1, incident: 'a' })
    assert.equal(list.all().length, OFFENDERS_LIMIT)
    assert.equal(list.dropped, 10)
    assert.ok(!list.all().some(({ pid }) => pid <= 10))
  })

  it('what delays would have done: not what a held process would not have come to', () => {
    const shadow = new ShadowDelays()
    // LFC 1: 20 ms. What comes within them would not have come.
    shadow.saw(1, '/x', 1, 10, 600_000, 1000)
    shadow.saw(1, '/x', 2, 10, 600_000, 1010)
    shadow.saw(1, '/x', 3, 10, 600_000, 1020)
    shadow.saw(2, '/x', 30, 10, 600_000, 1020)
    assert.deepEqual(shadow.total(2000), { processes: 2, ms: 20 + 80 + 600_000 })
    assert.deepEqual(shadow.total(2000 + 8 * 86_400_000), { processes: 0, ms: 0 })
  })

  it('what delays would have done outlasts the daemon, but for the last seconds, and goes after a week', async () => {
    const kept: { shadow?: SavedShadow } = {}
    const told = (link: AgentLink) => link.status().wouldHaveDelayed
    const first = world(kept)
    await first.link.restore()
    first.link.observe({ pid: 10, lfc: 3 }, incident('aaaaaaaa'))
    first.it.now += 5000
    first.link.keepHouse()
    // Of the next five seconds a daemon that is killed tells nothing; one that is stopped does.
    first.it.now += 1000
    first.link.observe({ pid: 11, lfc: 1 }, incident('aaaaaaaa'))
    first.link.keepHouse()
    const killed = world(structuredClone(kept))
    await killed.link.restore()
    assert.deepEqual(told(killed.link), { processes: 1, ms: 80 })
    await first.link.stop()
    const stopped = world(kept)
    await stopped.link.restore()
    assert.deepEqual(told(stopped.link), { processes: 2, ms: 100 })
    // The same process is none more, and what it would still have been held for is not counted twice.
    stopped.it.now = first.it.now + 10
    stopped.link.observe({ pid: 11, lfc: 1 }, incident('aaaaaaaa'))
    assert.deepEqual(told(stopped.link), { processes: 2, ms: 100 })
    stopped.it.now += 1000
    stopped.link.observe({ pid: 11, lfc: 1 }, incident('aaaaaaaa'))
    assert.deepEqual(told(stopped.link), { processes: 2, ms: 120 })
    const late = world(kept)
    late.it.now += 7 * 86_400_000 + 3_600_000
    await late.link.restore()
    assert.deepEqual(told(late.link), { processes: 0, ms: 0 })
    await world({ shadow: { hours: 'no' } as never }).link.restore()
  })

  it('what delays would have done: bounded, and no process is forgotten in the count', () => {
    const shadow = new ShadowDelays()
    const hour = 3_600_000
    const many = PROCESSES_LIMIT + 1000
    for (let pid = 1; pid <= many; pid++) shadow.saw(pid, '/x', 0, 1, 1000, pid)
    assert.deepEqual(shadow.total(many), { processes: many, ms: many })
    for (let at = 1; at < 400; at++) shadow.saw(at, '/y', 0, 1, 1000, at * hour)
    const saved = shadow.save()
    assert.equal(saved.hours.length, 168)
    assert.ok(saved.processes.length <= PROCESSES_LIMIT)
    assert.ok(JSON.stringify(saved).length < 200_000)
    assert.deepEqual(shadow.total(399 * hour), { processes: 168, ms: 168 })
  })
})

describe("the agent's schedule", () => {
  it("is a multiple of the interval and the host's own moment, whatever the time", () => {
    const offset = splayOf('alpha', 60_000)
    assert.equal(splayOf('alpha', 60_000), offset)
    assert.notEqual(splayOf('beta', 60_000), offset)
    assert.equal(splayOf('alpha', 0), 0)
    for (let now = 1_700_000_000_000; now < 1_700_000_900_000; now += 777) {
      const next = nextRun(now, 300_000, offset)
      assert.ok(next > now && next <= now + 300_000)
      assert.equal((next - offset) % 300_000, 0)
    }
  })
})
