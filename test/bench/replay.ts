/**
 * `npm run bench -- replay`: calls per second of `trace learn` and `trace score` at window 9 on the sendmail set
 * (LYMPH_TEST_DATA, or ../shared/data beside the checkout), parsing excluded (the core's loops over arrays in memory)
 * and included (archive, tar, text, core). The best of several rounds; all rounds' medians beside it.
 */
import { existsSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { DEFAULT_SETTINGS, learnCalls, Profile, recordOf, ScoreTask, scoreCalls, slotOf } from '#homeostasis'
import { CallNames, readTrace, traceSources } from '#syscalls'
import { learn } from '../../src/cli/trace/learn.ts'
import { score } from '../../src/cli/trace/score.ts'

const data = join(process.env.LYMPH_TEST_DATA ?? join(import.meta.dirname, '../../../shared/data'), 'traces')
const archive = join(data, 'unm/sendmail-first7176.tar.gz')
const window = 9
const empty = 'skip'
const rounds = 9

/** Calls of each process, as slots. */
async function inMemory(): Promise<Uint16Array[]> {
  const all: Uint16Array[] = []
  for await (const source of traceSources([archive])) {
    const tasks = new Map<number, number[]>()
    await readTrace(source, new CallNames('x86-64'), {
      call: (task: number, call: number) => {
        const calls = tasks.get(task)
        if (calls) calls.push(slotOf(call))
        else tasks.set(task, [slotOf(call)])
      },
      exec: () => {},
      fork: () => {},
      exit: () => {},
    })
    for (const calls of tasks.values()) all.push(Uint16Array.from(calls))
  }
  return all
}

/** Archive, tar and text, and nothing done with the calls. */
async function onlyParsed(): Promise<number> {
  let calls = 0
  const sink = { call: () => calls++, exec: () => {}, fork: () => {}, exit: () => {} }
  for await (const source of traceSources([archive])) await readTrace(source, new CallNames('x86-64'), sink)
  return calls
}

interface Timed {
  best: number
  median: number
}

async function timed(calls: number, times: number, work: () => unknown): Promise<Timed> {
  const rates: number[] = []
  for (let i = 0; i < times; i++) {
    const begin = performance.now()
    await work()
    rates.push(Math.round((calls / (performance.now() - begin)) * 1000))
  }
  rates.sort((a, b) => b - a)
  return { best: rates[0]!, median: rates[rates.length >> 1]! }
}

if (!existsSync(archive)) {
  console.log(JSON.stringify({ bench: 'replay', skipped: `no ${archive}: set LYMPH_TEST_DATA` }))
} else {
  const traces = await inMemory()
  const calls = traces.reduce((sum, trace) => sum + trace.length, 0)
  const key = { binary: 'sendmail', abi: 'x86-64' as const, window, sha256: '' }
  const settings = { ...DEFAULT_SETTINGS, window, empty } as const
  const learnAll = () => {
    const profile = new Profile(key, settings)
    for (const trace of traces) learnCalls(profile, profile.begin(), trace, 0)
    return profile
  }
  const profile = learnAll()
  const table = profile.train.table
  let anomalous = 0
  const scoreAll = () => {
    anomalous = 0
    for (const trace of traces) {
      const task = new ScoreTask()
      scoreCalls(table, task, trace, { window, empty })
      anomalous += task.anomalous
    }
  }
  const core = { learn: await timed(calls, rounds, learnAll), score: await timed(calls, rounds, scoreAll) }
  const record = recordOf(profile, { since: 0, made: 0 })
  const parsing = await timed(calls, 3, onlyParsed)
  const whole = {
    learn: await timed(calls, 3, () => learn([archive], { window, empty }, 0)),
    score: await timed(calls, 3, () => score([archive], record, {})),
  }
  console.log(
    JSON.stringify({
      bench: 'replay',
      set: 'sendmail-first7176',
      window,
      traces: traces.length,
      calls,
      pairs: table.pairs,
      anomalous,
      callsPerSecond: { core, parsingOnly: parsing, parsingIncluded: whole },
      machine: { cpu: cpus()[0]?.model, cpus: cpus().length, node: process.versions.node },
      peakRssMiB: Math.round(process.resourceUsage().maxRSS / 1024),
    }),
  )
}
