/** `trace learn` and `trace score --judge` as they are run. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { decodeProfile } from '#homeostasis'
import type { TraceScore } from '../../src/cli/trace/score.ts'
import { at, cycle, refused, trace } from './trace-run.ts'

/** 40 processes of the same loop. */
writeFileSync(at('many.int'), Array.from({ length: 40 }, (_, i) => cycle(i + 1, [3, 4, 6, 5], 10)).join(''))
writeFileSync(at('odd.int'), `${cycle(1, [3, 4, 6, 5], 10)}${cycle(2, [3, 99, 6, 98, 97, 59, 41, 42], 2)}`)
writeFileSync(at('few.int'), cycle(1, [3, 4, 6, 5], 10))
const profile = at('judged')
const learned = trace('learn', '--json', '-o', profile, at('many.int'))
const judged = (...args: string[]) => {
  const { out, err, status } = trace('score', '--judge', '--json', ...args)
  assert.equal(err, '')
  return {
    rows: out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as TraceScore),
    status,
  }
}

test('learn keeps what units are judged by, and --no-judge does not', () => {
  assert.deepEqual((JSON.parse(learned.out) as { judgement: unknown }).judgement, {
    units: 40,
    comparable: 20,
    restless: 0,
    grams: 4,
  })
  assert.ok(decodeProfile(readFileSync(profile)).judgement)
  const plain = at('plain')
  assert.equal(trace('learn', '--no-judge', '-o', plain, at('many.int')).status, 0)
  assert.equal(decodeProfile(readFileSync(plain)).judgement, undefined)
  refused(
    /plain: it was learned without judgement data/,
    'score',
    '--judge',
    '--profile',
    plain,
    at('odd.int'),
  )
})

test('score --judge adds n, r, s, bits, severity and why to each trace', () => {
  const { rows, status } = judged('--profile', profile, at('odd.int'))
  assert.equal(status, 1)
  const [same, odd] = rows
  assert.deepEqual(
    { n: same!.n, r: same!.r, bits: same!.bits, severity: same!.severity, windows: same!.why!.windows },
    { n: 0, r: 0, bits: 0, severity: 'none', windows: [] },
  )
  assert.equal(odd!.severity, 'severe')
  assert.ok(odd!.bits! >= 12 && odd!.bits! <= Math.log2(21) + 12)
  assert.ok(odd!.n! > 20)
  const { spoke, m, q, bits, windows } = odd!.why!
  assert.deepEqual({ spoke: spoke.includes('n'), m, q }, { spoke: true, m: 20, q: 0 })
  assert.ok(bits!.n > 8)
  assert.deepEqual(windows[0], { part: 'n', call: 1, calls: ['close', 'sysinfo'] })
  assert.equal(judged('--profile', profile, at('many.int')).status, 0)
})

test('score --judge tells people the same in a table', () => {
  const { out } = trace('score', '--judge', '--profile', profile, at('odd.int'))
  assert.match(out, /BITS +SEVERITY +TRACE +WHY/)
  assert.match(out, /severe +odd\.int#2 +N [\d.]+.* \(m 20, q 0\); N at call 1: close sysinfo/)
})

test('too few units are no judgement, and it says so', () => {
  const few = at('few')
  const { err } = trace('learn', '--judge', '-o', few, at('few.int'))
  assert.match(err, /1 units were learned, of which 0 can be compared with; 8 are needed/)
  const { rows } = judged('--profile', few, at('odd.int'))
  assert.equal(rows[1]!.bits, null)
  assert.equal(rows[1]!.severity, 'none')
  assert.ok(rows[1]!.n! > 20, 'facts are told')
  assert.match(rows[1]!.why!.note!, /8 are needed/)
})

test('a long process is cut into units of 16,384 calls', () => {
  writeFileSync(at('long.int'), cycle(1, [3, 4, 6, 5], 5 * 4096 + 1))
  const { out } = trace('learn', '--json', '-o', at('long'), at('long.int'))
  assert.equal((JSON.parse(out) as { judgement: { units: number } }).judgement.units, 6)
})
