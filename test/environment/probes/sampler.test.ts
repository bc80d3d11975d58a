import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  hostSampler,
  type Probe,
  probeSchema,
  type Reading,
  Sampler,
} from '../../../src/environment/probes/index.ts'
import { FixtureHost } from './fixture.ts'

const reading = (values: Record<string, number>, ...lines: string[]): Reading => ({
  values: new Map(Object.entries(values)),
  problems: lines.map((line) => ({ about: line, line })),
})
const probe = (read: Probe['read']): Probe => ({ name: 'made', read })
const config = (value: unknown) => probeSchema.parse(value)

describe('sampler', () => {
  it('reads a whole host, twice, without a problem', () => {
    using host = new FixtureHost()
    const sampler = hostSampler({ places: host.places })
    const first = sampler.sample(host.moment(0))
    assert.deepEqual(first.problems, [])
    assert.equal(first.elapsedMs, undefined)
    assert.ok(!first.values.has('cpu'))
    const second = sampler.sample(host.moment(10))
    assert.equal(second.elapsedMs, 10_000)
    assert.equal(second.clockStepMs, 0)
    for (const name of ['users', 'diskfree', 'io_reads', 'wwws_in', 'tcpfin_out', 'syslog', 'pressure_io'])
      assert.ok(second.values.has(name), name)
    assert.equal(sampler.gauge().observables, second.values.size)
    assert.equal(second.sockets.listeners.length, 3)
  })

  it('says a problem once while it stands, and again when it is back', () => {
    using host = new FixtureHost()
    const sampler = hostSampler({ places: host.places })
    sampler.sample(host.moment(0))
    host.remove('log/syslog')
    assert.equal(sampler.sample(host.moment(10)).problems.length, 1)
    assert.equal(sampler.sample(host.moment(20)).problems.length, 0)
    assert.equal(sampler.gauge().problems, 1)
    host.write('log/syslog', '')
    assert.equal(sampler.sample(host.moment(30)).problems.length, 0)
    assert.equal(sampler.gauge().problems, 0)
    host.remove('log/syslog')
    assert.equal(sampler.sample(host.moment(40)).problems.length, 1)
  })

  it('goes on when a probe throws', () => {
    const sampler = new Sampler([
      probe(() => {
        throw new Error('first\nsecond')
      }),
      probe(() => reading({ a: 1 })),
    ])
    const { values, problems } = sampler.sample({ at: 0, monotonicMs: 0 })
    assert.deepEqual([...values], [['a', 1]])
    assert.deepEqual(problems, ['probe made: first: it has no values; this is a defect, report it'])
  })

  it('a name of two sources is the first one’s, and the cap on names holds', () => {
    const many = Object.fromEntries(Array.from({ length: 1200 }, (_, i) => [`o${i}`, i]))
    const sampler = new Sampler([probe(() => reading({ o0: -1 })), probe(() => reading(many))])
    const { values, problems } = sampler.sample({ at: 0, monotonicMs: 0 })
    assert.equal(values.get('o0'), -1)
    assert.equal(values.size, 1000)
    assert.equal(sampler.gauge().refused, 201)
    assert.equal(problems.length, 2)
  })

  it('a clock that jumps a week is one line and a step, and rates are not spoilt', () => {
    using host = new FixtureHost()
    const sampler = hostSampler({ places: host.places })
    sampler.sample(host.moment(0))
    const week = 7 * 24 * 3600_000
    const later = host.moment(10)
    host.write('log/syslog', `a\n${'x'.repeat(100)}`)
    const jumped = sampler.sample({ at: later.at + week, monotonicMs: later.monotonicMs })
    assert.equal(jumped.clockStepMs, week)
    assert.equal(jumped.problems.length, 1)
    assert.match(jumped.problems[0]!, /^clock: it went forward by 604800 s/)
    assert.equal(jumped.values.get('syslog'), 10)
    const after = host.moment(20)
    const next = sampler.sample({ at: after.at + week, monotonicMs: after.monotonicMs })
    assert.equal(next.clockStepMs, 0)
    assert.deepEqual(next.problems, [])
    const back = host.moment(30)
    assert.equal(sampler.sample(back).clockStepMs, -week)
    assert.equal(sampler.sample(host.moment(40)).clockStepMs, 0)
  })

  it('measures so many of the operator’s observables and no more, and says so', () => {
    using host = new FixtureHost()
    host.write('number', 'load=7\n')
    const observables = Array.from({ length: 5 }, (_, i) => ({
      name: `own${i}`,
      number: host.path('number'),
      pattern: 'load=(\\d+)',
    }))
    const sampler = hostSampler({ places: host.places, config: config({ observables, max_observables: 3 }) })
    const { values, problems } = sampler.sample(host.moment(0))
    assert.deepEqual(
      [...values.keys()].filter((name) => name.startsWith('own')),
      ['own0', 'own1', 'own2'],
    )
    assert.deepEqual(sampler.gauge().own, { measured: 3, configured: 5, limit: 3 })
    assert.equal(problems.length, 1)
    assert.match(problems[0]!, /max_observables/)
  })

  it('has the detector’s figures: counts for 10 s, levels as they are, calls of chosen binaries', () => {
    using host = new FixtureHost()
    const figures = {
      anomalies: 10,
      abnormalProcesses: 2,
      newBinaries: 3,
      delayed: 1,
      callsByBinary: new Map([
        ['/usr/sbin/nginx', 1e6],
        ['/bin/sh', 5],
      ]),
    }
    let current: typeof figures | undefined
    const sampler = hostSampler({
      places: host.places,
      figures: () => current,
      config: config({ binaries: ['/usr/sbin/nginx', '/usr/sbin-nginx', '/opt/never'] }),
    })
    const own = (seconds: number) => {
      const sample = sampler.sample(host.moment(seconds))
      return {
        values: Object.fromEntries([...sample.values].filter(([name]) => name.startsWith('ph_'))),
        problems: sample.problems,
      }
    }
    const none = own(0)
    assert.deepEqual(none.values, {})
    assert.equal(none.problems.length, 1)
    assert.match(
      none.problems[0]!,
      /\/usr\/sbin-nginx: its calls are not counted: ph_usr_sbin_nginx is already/,
    )
    current = figures
    assert.deepEqual(own(10).values, { ph_abnormal_processes: 2, ph_delayed: 1 })
    current = {
      ...figures,
      anomalies: 14,
      newBinaries: 4,
      callsByBinary: new Map([['/usr/sbin/nginx', 1e6 + 600]]),
    }
    assert.deepEqual(own(30).values, {
      ph_anomalies: 2,
      ph_abnormal_processes: 2,
      ph_new_binaries: 0.5,
      ph_delayed: 1,
      ph_usr_sbin_nginx: 300,
    })
  })
})
