import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { hostSampler, probeSchema, type Sample } from '../../../src/environment/probes/index.ts'
import { FixtureHost } from './fixture.ts'

const node = process.execPath

/** A sampler of a made host with these observables; samples are 100 s apart, so commands are always due. */
function measured(host: FixtureHost, observables: unknown[]) {
  const sampler = hostSampler({ places: host.places, config: probeSchema.parse({ observables }) })
  let seconds = 0
  return {
    next: () => {
      seconds += 100
      return sampler.sample(host.moment(seconds))
    },
    [Symbol.dispose]: () => sampler.close(),
  }
}

async function until(what: string, next: () => Sample, holds: (sample: Sample) => boolean): Promise<Sample> {
  for (const end = Date.now() + 20_000; Date.now() < end; ) {
    const sample = next()
    if (holds(sample)) return sample
    await sleep(50)
  }
  return assert.fail(`${what}: not within 20 s`)
}

describe('the operator’s observables', () => {
  it('a port is a service of its own', () => {
    using host = new FixtureHost()
    using own = measured(host, [{ name: 'far', port: 50_002 }])
    assert.equal(own.next().values.get('far_out'), 1)
    assert.throws(() => measured(host, [{ name: 'far', port: 443 }]), /port 443 is given to wwws and far/)
    assert.throws(() => measured(host, [{ name: 'www', port: 8000 }]), /service www/)
  })

  it('the growth of a file', () => {
    using host = new FixtureHost()
    using own = measured(host, [{ name: 'dump', growth: host.path('dump') }])
    assert.match(own.next().problems.join(), /dump: not there: no value for dump/)
    host.write('dump', 'x')
    own.next()
    appendFileSync(host.path('dump'), 'y'.repeat(500))
    assert.equal(own.next().values.get('dump'), 5)
  })

  it('a number in a file, found by its pattern', () => {
    using host = new FixtureHost()
    using own = measured(host, [{ name: 'queue', number: host.path('stats'), pattern: '^queued: *(\\S+)' }])
    host.write('stats', 'jobs: 1\nqueued: -2.5e1\n')
    assert.equal(own.next().values.get('queue'), -25)
    for (const text of ['queued: many\n', 'queued: NaN\n', 'queued: 0x10\n', '', 'queued: 1e999\n']) {
      host.write('stats', text)
      assert.ok(!own.next().values.has('queue'), text)
    }
    host.write('stats', 'queued: 3\n')
    assert.equal(own.next().values.get('queue'), 3)
    host.remove('stats')
    execFileSync('mkfifo', [host.path('stats')])
    assert.match(own.next().problems.join(), /no regular file/, 'and it does not wait for a writer')
  })

  it('the output of a command, without a shell', async () => {
    using host = new FixtureHost()
    using own = measured(host, [
      { name: 'plain', command: ['/bin/echo', '42'] },
      { name: 'picked', command: ['/bin/echo', 'a=1 b=2;3'], pattern: 'b=(\\d+)' },
      { name: 'shell', command: ['/bin/echo', '$((1+1)) `echo 7`'], pattern: '`echo (\\d)`' },
    ])
    const sample = await until(
      'three values',
      own.next,
      ({ values }) => values.has('plain') && values.has('picked') && values.has('shell'),
    )
    assert.deepEqual(
      ['plain', 'picked', 'shell'].map((name) => sample.values.get(name)),
      [42, 2, 7],
    )
  })

  it('a command that fails, is not there, prints no number, too much, or never ends: one line each, no value', async () => {
    using host = new FixtureHost()
    const forever = `setInterval(() => {}, 1000); require('child_process').spawn('/bin/sleep', ['30'], {stdio: 'inherit'})`
    using own = measured(host, [
      { name: 'fails', command: ['/bin/false'] },
      { name: 'missing', command: ['/no/such/program'] },
      { name: 'words', command: ['/bin/echo', 'nothing'] },
      { name: 'floods', command: ['/usr/bin/yes', '1'] },
      { name: 'hangs', command: [node, '-e', forever], timeout: 1 },
    ])
    const said = new Map<string, string>()
    await until('five problems', own.next, ({ problems, values }) => {
      for (const name of ['fails', 'missing', 'words', 'floods', 'hangs']) {
        assert.ok(!values.has(name), name)
        const line = problems.find((text) => text.endsWith(`no value for ${name}`))
        if (line) said.set(name, line)
      }
      return said.size === 5
    })
    assert.match(said.get('fails')!, /exit status 1/)
    assert.match(said.get('missing')!, /ENOENT/)
    assert.match(said.get('words')!, /printed no number/)
    assert.match(said.get('floods')!, /more than 64 KiB/)
    assert.match(said.get('hangs')!, /longer than 1 s/)
  })

  it('does not start a command again before its time, nor while it runs', async () => {
    using host = new FixtureHost()
    const script = `require('fs').appendFileSync(${JSON.stringify(host.path('runs'))}, 'x'); console.log(1)`
    const sampler = hostSampler({
      places: host.places,
      config: probeSchema.parse({
        observables: [{ name: 'counted', command: [node, '-e', script], every: '5m' }],
      }),
    })
    let seconds = 0
    await until(
      'a value',
      () => sampler.sample(host.moment(++seconds / 10)),
      ({ values }) => values.has('counted'),
    )
    for (let i = 0; i < 20; i++) assert.equal(sampler.sample(host.moment(200 + i)).values.get('counted'), 1)
    await sleep(300)
    const runs = execFileSync('cat', [host.path('runs')], { encoding: 'utf8' })
    assert.equal(runs, 'x')
    sampler.close()
  })
})

describe('config', () => {
  const mistake = (observable: unknown) => {
    const { error } = probeSchema.safeParse({ observables: [observable] })
    return error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
  }

  it('takes every kind, with defaults', () => {
    const { observables, max_observables, binaries } = probeSchema.parse({
      observables: [{ name: 'a', command: ['/bin/x'], every: '2m' }],
    })
    assert.equal(observables[0]!.every, 120_000)
    assert.equal(observables[0]!.timeout, 5000)
    assert.equal(max_observables, 200)
    assert.deepEqual(binaries, [])
  })

  it('says what is wrong with each', () => {
    for (const [observable, message] of [
      [{ name: 'a' }, /nothing to measure: give one of port, growth, number, command/],
      [{ name: 'a', port: 1, growth: '/x' }, /port and growth: give one/],
      [{ name: 'A b', port: 1 }, /small letters/],
      [{ name: 'a', port: 70_000 }, /port up to 65535/],
      [{ name: 'a', growth: 'x' }, /full path/],
      [{ name: 'a', number: '/x' }, /needs a pattern/],
      [{ name: 'a', number: '/x', pattern: '(' }, /no regular expression/],
      [{ name: 'a', number: '/x', pattern: 'x' }, /0 groups: one pair of brackets/],
      [{ name: 'a', number: '/x', pattern: '(a)(b)' }, /2 groups/],
      [{ name: 'a', command: ['echo', '1'] }, /no shell and no PATH/],
      [{ name: 'a', command: [] }, /command/],
      [{ name: 'a', growth: '/x', pattern: '(a)' }, /belongs to number or command/],
      [{ name: 'a', command: ['/x'], every: '1s' }, /from 10 to 86400 seconds/],
      [{ name: 'a', command: ['/x'], timeout: 'soon' }, /a duration/],
      [{ name: 'a', port: 1, colour: 'red' }, /colour/i],
    ] as const)
      assert.match(mistake(observable) ?? 'no mistake', message)
    const twice = probeSchema.safeParse({
      observables: [
        { name: 'a', port: 1 },
        { name: 'a', port: 2 },
      ],
    })
    assert.match(twice.error!.issues[0]!.message, /a is there twice/)
  })
})
