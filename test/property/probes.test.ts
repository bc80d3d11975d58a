import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { hostSampler } from '../../src/environment/probes/index.ts'
import { FixtureHost, goodFiles } from '../environment/probes/fixture.ts'

const files = Object.keys(goodFiles).filter((path) => goodFiles[path] !== '')

/** A file of the kernel gone wrong: other bytes, cut off, a piece changed, digits grown, gone. */
const spoilt = fc.constantFrom(...files).chain((path) => {
  const good = Buffer.from(goodFiles[path]!, 'latin1')
  const place = fc.nat({ max: good.length })
  return fc.record({
    path: fc.constant(path),
    content: fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      place.map((at) => good.subarray(0, at)),
      fc
        .tuple(place, fc.uint8Array({ maxLength: 20 }))
        .map(([at, bytes]) => Buffer.concat([good.subarray(0, at), bytes, good.subarray(at)])),
      fc
        .stringMatching(/^[0-9]{1,40}$/)
        .map((digits) => Buffer.from(good.toString('latin1').replace(/\d+/g, digits), 'latin1')),
      fc.constant(undefined),
    ),
  })
})

describe('whatever its files hold', () => {
  it('the sampler throws nothing, gives finite numbers in their range, and says each problem in one line', () => {
    using host = new FixtureHost()
    fc.assert(
      fc.property(fc.array(fc.array(spoilt, { maxLength: 3 }), { minLength: 2, maxLength: 4 }), (rounds) => {
        const sampler = hostSampler({ places: host.places })
        const touched = new Set<string>()
        for (const [round, changes] of rounds.entries()) {
          for (const { path, content } of changes) {
            touched.add(path)
            if (content) writeFileSync(host.path(path), content)
            else rmSync(host.path(path), { force: true })
          }
          const { values, problems, sockets } = sampler.sample(host.moment(10 * round))
          for (const [name, value] of values) {
            assert.ok(Number.isFinite(value), `${name} ${value}`)
            if (!name.startsWith('temp')) assert.ok(value >= 0, `${name} ${value}`)
            if (/^(cpu|pressure|diskfree)/.test(name)) assert.ok(value <= 100, `${name} ${value}`)
          }
          for (const line of problems) {
            assert.doesNotMatch(line, /\n/)
            assert.doesNotMatch(line, /this is a defect/)
          }
          assert.ok(sockets.listeners.length < 100)
        }
        for (const path of touched) host.write(path, goodFiles[path]!)
      }),
      { numRuns: 300 },
    )
  })
})
