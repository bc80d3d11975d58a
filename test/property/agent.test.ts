/**
 * Random policies, classes, offenders and tolerances: a tolerated incident is never acted on, a dry run acts on nothing,
 * and what is on the list of what is never acted on is not. Every promise type is asked for its real plan; acting is recorded
 * where a signal, a program or a request would leave.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import fc from 'fast-check'
import { type NeverList, type Offender, type PromiseType, promiseTypes, readPolicy, type Step } from '#agent'
import { parseClassExpression } from '#classes'
import type { ProcessFacts } from '../../src/agent/promises/processes/filter.ts'
import { sightOf } from '../../src/agent/run/facts.ts'
import { runPolicy } from '../../src/agent/run/run.ts'

const folder = mkdtempSync(join(tmpdir(), 'lymph-property-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const now = Date.UTC(2026, 10, 23, 12)
const binaries = ['/usr/bin/a', '/usr/bin/b', '/srv/c']
const classes = ['ph_sequence_anomaly', 'ph_load_anomaly', 'www_in_high', 'Hr12', 'Sunday', 'web', 'any']

const process_ = (index: number): ProcessFacts => ({
  pid: 1000 + index,
  startTicks: 10 + index,
  startedAt: now - 3_600_000,
  parent: 1,
  group: 1000 + index,
  status: 'S',
  name: `p${index}`,
  binary: binaries[index % 3] as string,
  command: `p${index} --flag`,
  uid: index % 2,
  owner: index % 2 ? 'nobody' : 'root',
  residentBytes: 1e6,
  virtualBytes: 1e7,
  cpuMs: 1000,
  threads: 1,
  nice: 0,
  tty: false,
})
const running = Array.from({ length: 9 }, (_, index) => process_(index))

const offender = fc
  .record({
    of: fc.integer({ min: 0, max: 8 }),
    lfc: fc.integer({ min: 1, max: 128 }),
    incident: fc.constantFrom('aaaaaaaa', 'bbbbbbbb', 'cccccccc'),
  })
  .map(({ of, lfc, incident }) => ({
    pid: 1000 + of,
    binary: binaries[of % 3] as string,
    seenAt: now - 1000,
    lfc,
    incident,
  }))

const expression: fc.Arbitrary<string> = fc.letrec((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(...classes),
    fc.tuple(tie('node'), fc.constantFrom('.', '|', '&'), tie('node')).map(([a, op, b]) => `(${a}${op}${b})`),
    tie('node').map((a) => `!(${a})`),
  ),
})).node as fc.Arbitrary<string>

const select = fc.oneof(
  fc.constantFrom('ph_sequence', 'ph_load', 'mine').map((filter) => ({ filter })),
  fc.constantFrom(...binaries).map((binary) => ({ binary })),
  fc.constant({ name: '^p' }),
  fc.constant({ owner: 'root' }),
)
const act = fc.oneof(
  fc.constantFrom({ act: 'kill' }, { act: 'warn' }, { act: 'signal', signal: 'term' }),
  fc.constantFrom('stop', 'delay', 'freeze', 'suspend_exec').map((name) => ({ act: name, for: '5m' })),
  fc.constant({ act: 'nice', nice: 5, for: '5m' }),
  fc.constant({ act: 'cpu', percent: 5, for: '5m' }),
  fc.constant({ act: 'ladder', ladder: { observe: 0, upto: 'kill' } }),
)
const promise = fc.oneof(
  fc.tuple(select, act).map(([of, what]) => ({ processes: { ...of, ...what } })),
  fc.constantFrom('ph_sequence', 'ph_load').map((each) => ({
    commands: { argv: ['/bin/act', '$(this.pid)', '$(this.binary)'], each },
  })),
  fc
    .constantFrom('ph_sequence', 'ph_load')
    .map((offenders) => ({ profile: { offenders, response: 'delay' } })),
  fc.constantFrom(...binaries).map((binary) => ({ profile: { binary, response: 'delay' } })),
  fc.constantFrom(...binaries).map((binary) => ({ profile: { binary, tolerize: true } })),
)
const world = fc.record({
  promises: fc.array(fc.tuple(promise, expression), { minLength: 1, maxLength: 6 }),
  sequence: fc.array(offender, { maxLength: 6 }),
  load: fc.array(offender, { maxLength: 4 }),
  tolerated: fc.subarray(['aaaaaaaa', 'bbbbbbbb', 'cccccccc']),
  holds: fc.subarray(classes),
  never: fc.subarray(binaries),
  dryRun: fc.boolean(),
})

interface Acted {
  type: string
  step: Step
}

/** The types as they are, but for what leaves the process. */
function recorded(acts: Acted[]): PromiseType[] {
  return promiseTypes
    .filter(({ name }) => ['processes', 'commands', 'profile'].includes(name))
    .map((type) => ({
      ...type,
      parse: type.parse.bind(type),
      plan: type.plan.bind(type),
      async act(step: Step) {
        acts.push({ type: type.name, step })
        return { result: 'repaired' as const, line: step.act }
      },
    }))
}

type World = typeof world extends fc.Arbitrary<infer T> ? T : never

async function run(random: World) {
  const { promises, tolerated, holds, never, dryRun } = random
  const acts: Acted[] = []
  const excused = (list: typeof random.sequence): Offender[] =>
    list.map((one) => ({ ...one, tolerated: tolerated.includes(one.incident as never) }))
  const text = JSON.stringify({
    classes: { wrapped: 'ph_sequence_anomaly|www_in_high' },
    filters: { mine: { owner: 'nobody', binary: binaries, result: 'owner|binary' } },
    promises: promises.map(([body, guard]) => ({ if: guard, ...body })),
  })
  const policy = readPolicy(text, 'random.yaml', { types: recorded(acts), known: ['web'] })
  const sight = sightOf(
    {
      at: now,
      classes: holds.map((name) => ({ name, until: name.startsWith('ph_') ? 0 : now + 1000 })),
      offenders: { ph_sequence: excused(random.sequence), ph_load: excused(random.load) },
      ended: [],
      excused: [],
    },
    { platform: 'linux', machine: 'x86_64', hostname: 'alpha', osRelease: '' },
    now,
    'UTC',
  )
  const neverList: NeverList = {
    why: ({ binary }) => (never.includes(binary as never) ? 'never' : undefined),
  }
  const written: string[] = []
  const posted: string[] = []
  const report = await runPolicy(policy, {
    id: '00000000',
    sight,
    now: () => now,
    folder,
    daemon: {
      async get<T>(path: string) {
        const rows = binaries.map((binary) => ({ binary, response: 'ignore', state: 'normal' }))
        return (path === '/profiles' ? rows : { default_response: 'ignore' }) as T
      },
      async post<T>(path: string) {
        posted.push(path)
        return {} as T
      },
    },
    never: neverList,
    processes: () => running,
    ledger: { add: ({ act: what }) => written.push(what), close() {} },
    locks: { wait: () => 0, ran() {} },
    leases: {
      take: () => assert.fail('nothing acts here'),
      groupBefore: () => undefined,
      held: () => undefined,
      enforced: () => assert.fail('nothing acts here'),
      giveBack: () => {},
      program: () => () => () => {},
    },
    signal: new AbortController().signal,
    dryRun,
    say() {},
  })
  return { acts, report, sight, posted, neverNamed: never as string[] }
}

describe('random policies', () => {
  it('never act on a tolerated incident, and a dry run acts on nothing', async () => {
    let acted = 0
    let spared = 0
    await fc.assert(
      fc.asyncProperty(world, async (random) => {
        const { acts, report, sight, posted, neverNamed } = await run(random)
        assert.deepEqual(posted, [])
        if (random.dryRun) assert.deepEqual(acts, [])
        acted += acts.length
        const offenders = [...sight.offenders.ph_sequence, ...sight.offenders.ph_load]
        const free = offenders.filter((one) => one.tolerated)
        spared += report.promises.flatMap((one) => one.spared).length
        for (const { type, step } of acts) {
          for (const id of step.incidents ?? []) assert.ok(!sight.tolerated.has(id), JSON.stringify(step))
          const detail = step.detail as {
            held?: { pid: number; binary: string }
            binary?: string
            pid?: number
          }
          const pid = detail.held?.pid ?? detail.pid
          const binary = detail.held?.binary ?? detail.binary ?? ''
          // A process is tolerated where the newest word on it is; a whole program where any word on it is.
          if (pid !== undefined) {
            const word =
              sight.offenders.ph_sequence.find((one) => one.pid === pid) ??
              sight.offenders.ph_load.find((one) => one.pid === pid)
            assert.ok(!word?.tolerated, JSON.stringify(step))
          } else assert.ok(!free.some((one) => one.binary === binary), JSON.stringify(step))
          if (type === 'processes' && pid !== undefined)
            assert.ok(!neverNamed.includes(binary), JSON.stringify(step))
        }
      }),
      { numRuns: 1000, seed: 7 },
    )
    // Or the property would hold of policies that never do anything.
    assert.ok(acted > 500, `${acted} acts`)
    assert.ok(spared > 100, `${spared} spared`)
  })

  it('a semaphore whose every offender is tolerated does not hold at all', () => {
    const sight = sightOf(
      {
        at: now,
        classes: [{ name: 'ph_sequence_anomaly', until: 0 }],
        offenders: {
          ph_sequence: [
            { pid: 1000, binary: '/usr/bin/a', seenAt: now, lfc: 9, incident: 'aaaaaaaa', tolerated: true },
          ],
          ph_load: [],
        },
        ended: [],
        excused: [],
      },
      { platform: 'linux', machine: 'x86_64', hostname: 'alpha', osRelease: '' },
      now,
      'UTC',
    )
    assert.ok(!sight.classes.has('ph_sequence_anomaly'))
  })

  it('class expressions: what is printed of them parses, and !x is never x', () => {
    fc.assert(
      fc.property(expression, (text) => {
        parseClassExpression(text)
        parseClassExpression(`!(${text})`)
      }),
    )
  })
})
