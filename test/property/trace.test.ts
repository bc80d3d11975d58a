/**
 * `trace learn` and `trace score` against an implementation that shares nothing with them: sets of (current, previous,
 * distance) as text, LFC by counting. Files are written as strangers write them.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { decodeProfile, type EmptyRule, encodeProfile, recordOf } from '#homeostasis'
import { callName } from '#syscalls'
import { learn } from '../../src/cli/trace/learn.ts'
import { score } from '../../src/cli/trace/score.ts'

const folder = mkdtempSync(join(tmpdir(), 'lymph-property-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** (current, previous, distance) of the call at `at`. */
function pairsAt(calls: number[], at: number, window: number, empty: EmptyRule): string[] {
  const pairs: string[] = []
  for (let distance = 1; distance < window; distance++) {
    const previous = at - distance >= 0 ? String(calls[at - distance]) : 'start'
    if (previous !== 'start' || empty === 'symbol') pairs.push(`${calls[at]},${previous},${distance}`)
  }
  return pairs
}

function expectedOf(known: Set<string>, calls: number[], window: number, empty: EmptyRule) {
  const odd = calls.map((_, at) => pairsAt(calls, at, window, empty).some((pair) => !known.has(pair)))
  let maxLfc = 0
  for (let at = 0; at < odd.length; at++)
    maxLfc = Math.max(maxLfc, odd.slice(Math.max(0, at - 127), at + 1).filter(Boolean).length)
  return { calls: calls.length, anomalous: odd.filter(Boolean).length, maxLfc }
}

type Processes = Map<number, number[]>

/** Few calls, so that pairs come again; some beyond every table. */
const call = fc.oneof(
  { weight: 12, arbitrary: fc.nat(4) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(59, 334, 509, 510, 511, 512, 513, 1024, 4096, 70_000, 4_294_967_295),
  },
)
const sequence = fc.array(call, { minLength: 1, maxLength: 300, size: 'max' })
const processes: fc.Arbitrary<Processes> = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 99_999 }), fc.oneof(fc.tuple(call), sequence)), {
    minLength: 0,
    maxLength: 4,
  })
  .map((all) => new Map(all))
const style = fc.record({
  end: fc.constantFrom('\n', '\r\n', '\r'),
  blank: fc.constantFrom(' ', '\t', '   '),
  before: fc.constantFrom('', ' ', '\n\n'),
  after: fc.constantFrom('', ' ', '\n', ' \r\n\n'),
  trailing: fc.constantFrom('', ' ', '\t '),
})
type Style = typeof style extends fc.Arbitrary<infer T> ? T : never

/** Pairs of all processes, their lines mixed as `seed` says. */
function pairsFile(all: Processes, { end, blank, before, after, trailing }: Style, seed: number): string {
  const left = [...all].map(([pid, calls]) => ({ pid, calls, at: 0 }))
  const lines: string[] = []
  for (let random = seed; left.length > 0; random = (random * 1_103_515_245 + 12_345) % 2_147_483_648) {
    const place = (random >> 8) % left.length
    const one = left[place]!
    lines.push(`${one.pid}${blank}${one.calls[one.at++]}${trailing}`)
    if (one.at === one.calls.length) left.splice(place, 1)
  }
  return before + lines.join(end) + after
}

function flatFile(words: string[], { end, blank, before, after, trailing }: Style, oneLine: boolean): string {
  return before + words.join(oneLine ? blank : trailing + end) + after
}

const rule = fc.constantFrom<EmptyRule>('skip', 'symbol')
const window = fc.integer({ min: 2, max: 9 })

/** Learns the first files, scores all, and compares. */
async function check(
  files: { text: string; processes: [suffix: string, calls: number[]][] }[],
  options: { window: number; empty: EmptyRule; format: 'pairs' | 'numbers' | 'names' },
): Promise<void> {
  const paths = files.map(({ text }, i) => {
    const path = join(folder, `t${i}`)
    writeFileSync(path, text)
    return path
  })
  const { window, empty } = options
  const trained = Math.ceil(files.length / 2)
  const known = new Set<string>()
  for (const { processes } of files.slice(0, trained))
    for (const [, calls] of processes)
      calls.forEach((_, at) => {
        for (const pair of pairsAt(calls, at, window, empty)) known.add(pair)
      })
  const { profile } = await learn(paths.slice(0, trained), { ...options, abi: 'x86-64' }, 1000)
  assert.equal(profile.train.table.pairs, known.size)
  const record = decodeProfile(encodeProfile(recordOf(profile, { since: 1, made: 1 })))
  const scored = await score(paths, record, options)
  const expected = files.flatMap(({ processes }, i) =>
    processes.map(([suffix, calls]) => ({
      trace: `t${i}${suffix}`,
      ...expectedOf(known, calls, window, empty),
    })),
  )
  const byTrace = (a: { trace: string }, b: { trace: string }) => (a.trace < b.trace ? -1 : 1)
  assert.deepEqual(
    scored.map(({ trace, calls, anomalous, maxLfc }) => ({ trace, calls, anomalous, maxLfc })).sort(byTrace),
    expected.sort(byTrace),
  )
}

test('pid call pairs: every process of every file', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(processes, style, fc.nat()), { minLength: 1, maxLength: 4 }),
      window,
      rule,
      async (files, window, empty) => {
        await check(
          files.map(([all, style, seed]) => ({
            text: pairsFile(all, style, seed),
            processes: [...all].map(([pid, calls]) => [`#${pid}`, calls]),
          })),
          { window, empty, format: 'pairs' },
        )
      },
    ),
    { numRuns: 150 },
  )
})

test('numbers and names: one process a file, empty files too', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.oneof(fc.constant<number[]>([]), sequence), style, fc.boolean()), {
        minLength: 1,
        maxLength: 5,
      }),
      fc.constantFrom('numbers' as const, 'names' as const),
      window,
      rule,
      async (files, format, window, empty) => {
        const word = (call: number) => (format === 'numbers' ? String(call) : callName('x86-64', call))
        await check(
          files.map(([calls, style, oneLine]) => ({
            text: flatFile(calls.map(word), style, oneLine),
            processes: [['', calls]],
          })),
          { window, empty, format },
        )
      },
    ),
    { numRuns: 150 },
  )
})
