import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { observablesPage } from '../../../scripts/docs/observables.ts'
import { aliases, hostSampler, kindOf, observables } from '../../../src/environment/probes/index.ts'
import { FixtureHost } from './fixture.ts'

test('every observable of a host is in the catalogue, and everything in the catalogue can be measured', () => {
  using host = new FixtureHost()
  host.write('log/messages', '')
  const figures = {
    anomalies: 0,
    abnormalProcesses: 0,
    newBinaries: 0,
    delayed: 0,
    callsByBinary: new Map([['/usr/sbin/nginx', 1]]),
  }
  const config = { binaries: ['/usr/sbin/nginx'], observables: [], max_observables: 0 }
  const sampler = hostSampler({ places: host.places, figures: () => figures, config })
  sampler.sample(host.moment(0))
  host.write('proc/stat', readFileSync(host.path('proc/stat'), 'utf8').replaceAll(' 3000 ', ' 4000 '))
  const { values } = sampler.sample(host.moment(10))
  const kinds = new Set([...values.keys()].map((name) => kindOf(name)?.name ?? assert.fail(name)))
  assert.deepEqual([...kinds].sort(), observables.map(({ name }) => name).sort())
  for (const [alias, name] of aliases) assert.equal(values.get(alias), values.get(name))
  assert.equal(kindOf('mine'), undefined)
  assert.equal(kindOf('tcpsyn_in')?.name, 'tcpsyn_in')
})

test('docs/reference/observables.md is fresh (else: node scripts/docs/observables.ts)', () => {
  const page = readFileSync(new URL('../../../docs/reference/observables.md', import.meta.url), 'utf8')
  assert.equal(page, observablesPage())
})
