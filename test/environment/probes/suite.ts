/** What every probe must do, whatever it reads. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Places, Probe, Reading } from '../../../src/environment/probes/index.ts'
import { FixtureHost, goodFiles } from './fixture.ts'

export interface ProbeCase {
  make(places: Places): Probe
  /** Observables of the good host at its first reading, and those a second reading adds. */
  levels: readonly string[]
  rates: readonly string[]
  /** Files whose form it knows, each with the observables there must not be while it is spoilt. */
  files: Readonly<Record<string, readonly string[]>>
  /** What goes on between two readings, where a host at rest has no rate. */
  tick?: (host: FixtureHost, reading: number) => void
  /** It says so when none of its files is there. */
  saysMissing: boolean
}

const sorted = (names: Iterable<string>) => [...names].sort()

function wellFormed({ values, problems }: Reading): void {
  for (const [name, value] of values) {
    assert.match(name, /^[A-Za-z][A-Za-z0-9_]*$/)
    assert.ok(Number.isFinite(value), `${name} = ${value}`)
  }
  for (const { about, line } of problems) {
    assert.ok(about.length > 0)
    assert.doesNotMatch(line, /[\n\r\0]/, 'one line')
    assert.match(line, /: /, 'says where and why')
  }
}

export function probeSuite(name: string, { make, levels, rates, files, saysMissing, tick }: ProbeCase): void {
  describe(name, () => {
    it('gives its levels at once, and its rates from the second reading on', () => {
      using host = new FixtureHost()
      const probe = make(host.places)
      const first = probe.read(host.moment(0))
      wellFormed(first)
      assert.deepEqual(first.problems, [])
      assert.deepEqual(sorted(first.values.keys()), sorted(levels))
      tick?.(host, 1)
      const second = probe.read(host.moment(10))
      wellFormed(second)
      assert.deepEqual(second.problems, [])
      assert.deepEqual(sorted(second.values.keys()), sorted([...levels, ...rates]))
      for (const rate of rates)
        assert.equal(second.values.get(rate), 0, `${rate} of files that did not change`)
      probe.close?.()
    })

    it('gives no rate when no time has gone by', () => {
      using host = new FixtureHost()
      const probe = make(host.places)
      probe.read(host.moment(0))
      const again = probe.read(host.moment(0))
      wellFormed(again)
      for (const rate of rates) assert.ok(!again.values.has(rate) || again.values.get(rate) === 0, rate)
    })

    it('survives a host with none of its files', () => {
      using host = new FixtureHost({})
      const probe = make(host.places)
      for (const seconds of [0, 10]) {
        const reading = probe.read(host.moment(seconds))
        wellFormed(reading)
        assert.deepEqual([...reading.values], [])
        assert.equal(reading.problems.length > 0, saysMissing)
      }
    })

    for (const [file, names] of Object.entries(files)) {
      for (const [what, text] of [
        ['empty', ''],
        ['of another form', 'no such thing here\nnor here: 7 x\n\n'],
        ['binary', '\x00\x01\xff\xfe\x80'.repeat(50)],
        ['one endless line', 'a'.repeat(600_000)],
      ] as const) {
        if (what === 'empty' && file === 'proc/diskstats') continue
        it(`says in one line that ${file} is ${what}, and learns nothing from it`, () => {
          using host = new FixtureHost({ ...goodFiles, [file]: text })
          const probe = make(host.places)
          const [first, second] = [0, 10].map((seconds) => probe.read(host.moment(seconds)))
          wellFormed(first!)
          wellFormed(second!)
          const said = first!.problems.filter(({ about }) => about === host.path(file))
          assert.equal(said.length, 1, JSON.stringify(first!.problems))
          assert.ok(said[0]!.line.startsWith(`${host.path(file)}: `))
          assert.ok(said[0]!.line.length <= 500)
          for (const name of names) {
            assert.ok(!first!.values.has(name), name)
            assert.ok(!second!.values.has(name), name)
          }
          assert.deepEqual(second!.problems, first!.problems, 'the same problem, not another')
          // Whole again: the probe goes on.
          host.write(file, goodFiles[file]!)
          probe.read(host.moment(20))
          tick?.(host, 1)
          const healed = probe.read(host.moment(30))
          assert.deepEqual(healed.problems, [])
          assert.deepEqual(sorted(healed.values.keys()), sorted([...levels, ...rates]))
        })
      }
    }
  })
}
