/** Server, watching host and visitors put together; the runs, and what is written of them. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, release, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspectKernel } from '#sensor'
import { type Arrival, arrivals, dayCurve, seeded } from './curve.ts'
import { ExperimentError, exitCodes, lineOf } from './errors.ts'
import { figureSvg } from './figure.ts'
import { WatchingHost } from './host.ts'
import { Visitors } from './load.ts'
import type { Options } from './options.ts'
import { csvOf, type Relation, type Run, relationOf, rowsOf } from './result.ts'
import { freePort, nginxBinary, nginxVersion, pages, WebServer } from './server.ts'

/** What the figure has to show. */
export const CLAIM = 0.99
/** Connections are made and pages read before the first run. */
const WARM_UP_SECONDS = 2

export interface Bench {
  ending: AbortController
  keep: (stop: () => Promise<void>) => void
  /** Told which folder is to be removed at the end. */
  temporary: (path: string) => void
  say: (line: string) => void
}

/**
 * @returns the exit code
 * @throws ExperimentError
 */
export async function experiment(options: Options, bench: Bench): Promise<number> {
  const { ending, keep, say } = bench
  const { signal } = ending
  if (process.getuid?.() !== 0)
    throw new ExperimentError('not root: the kernel sensor needs it: start this with sudo')
  const { ok, problems } = await inspectKernel()
  if (!ok)
    throw new ExperimentError(
      `no kernel sensor here: ${problems.map(({ what, why, fix }) => `${what}: ${why}: ${fix}`).join('; ')}`,
    )
  const out = outputFolder(options.out)
  const port = await freePort(options.port)
  const binary = nginxBinary()
  signal.throwIfAborted()
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'lymph-figure3-')))
  bench.temporary(folder)
  // The server's workers are not root, and have to reach the pages.
  chmodSync(folder, 0o711)

  const surroundings = { keep, signal, onDeath: (error: ExperimentError) => ending.abort(error) }
  const started = new Date().toISOString()
  say('figure3: starting lymph up on a temporary state folder')
  const host = await WatchingHost.start(join(folder, 'host'), binary, surroundings)
  const server = await WebServer.start(binary, port, join(folder, 'server'), surroundings)
  const pids = server.pids()
  await host.watches(pids, signal)
  const version = nginxVersion(binary)
  const { runs, intervals, intervalSeconds } = options
  const minutes = (runs * intervals * intervalSeconds) / 60
  say(
    `figure3: ${version} at 127.0.0.1:${port}, processes ${pids.join(', ')}; ${runs} runs of ${intervals} intervals of ${intervalSeconds} s: ${minutes.toFixed(1)} minutes`,
  )

  const random = seeded(options.seed)
  const rates = dayCurve(intervals, options.peak, random)
  const day = arrivals(rates, intervalSeconds * 1000, pages, random)
  const visitors = new Visitors(port)
  keep(async () => visitors.stop())
  visitors.play(arrivals([options.peak / 2], WARM_UP_SECONDS * 1000, pages, random))
  await visitors.idle(signal)
  const warm = { served: visitors.served, failed: visitors.failed }

  const before = await host.totals()
  const measured: Run[] = []
  for (let run = 0; run < runs; run++) {
    const result = await oneRun(host, visitors, pids, day, options, signal)
    measured.push(result)
    const { perRun } = relationOf([result])
    say(
      `figure3: run ${run + 1} of ${runs}: ${sum(result.load)} requests, ${sum(result.calls)} system calls, correlation ${shown(perRun[0])}`,
    )
  }
  const after = await host.totals()
  const observable = await host.observable(binary, signal)
  if (visitors.served === warm.served)
    throw new ExperimentError(`no request was served: ${visitors.firstFailure ?? 'the load is too small'}`)

  const relation = relationOf(measured)
  const summary = {
    ...relation,
    claim: CLAIM,
    started,
    server: version,
    binary,
    kernel: release(),
    node: process.version,
    cpus: availableParallelism(),
    options: { runs, intervals, intervalSeconds, peak: options.peak, seed: options.seed },
    requests: {
      plannedPerRun: day.length,
      served: visitors.served - warm.served,
      failed: visitors.failed - warm.failed,
    },
    /** Of the whole host, while the runs went on: what was lost is missing from somebody's counts. */
    sensor: { seen: after.seen - before.seen, lost: after.lost - before.lost },
    observable,
  }
  write(out, measured, relation, summary, `${version}, ${runs} runs`, intervalSeconds)
  tell(summary, out, say)
  return (relation.correlation ?? 0) >= CLAIM ? 0 : exitCodes.findings
}

/** One run of the whole curve. The curve begins anew when the last visitor of the run before has gone. */
async function oneRun(
  host: WatchingHost,
  visitors: Visitors,
  pids: readonly number[],
  day: readonly Arrival[],
  { intervals, intervalSeconds }: Options,
  signal: AbortSignal,
): Promise<Run> {
  const read = async () => {
    const begun = visitors.served
    const calls = await host.calls(pids)
    // The calls were counted somewhere between asking and being answered.
    return { calls, served: Math.round((begun + visitors.served) / 2) }
  }
  await visitors.idle(signal)
  const run: Run = { load: [], calls: [] }
  let last = await read()
  const begin = performance.now()
  visitors.play(day)
  for (let interval = 1; interval <= intervals; interval++) {
    const due = begin + interval * intervalSeconds * 1000
    await sleep(Math.max(0, due - performance.now()), undefined, { signal })
    const now = await read()
    const calls = now.calls.map((count, i) => count - (last.calls[i] as number))
    if (calls.some((count) => count < 0))
      throw new ExperimentError('the sensor was started anew and counts from 0: run it again')
    run.calls.push(sum(calls))
    run.load.push(now.served - last.served)
    last = now
  }
  return run
}

function outputFolder(named: string): string {
  const out = resolve(named)
  try {
    makeFolder(out)
    // Better now than after half an hour.
    rmSync(mkdtempSync(join(out, '.figure3-')), { recursive: true })
  } catch (error) {
    throw new ExperimentError(
      `${out} cannot be written to (${lineOf(error)}): name another --out`,
      exitCodes.usage,
    )
  }
  return out
}

/** With those above it. Not by `recursive`: where the kernel refuses with ENOENT (/proc), Node would try for ever. */
function makeFolder(path: string): void {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  mkdirSync(path)
}

function write(
  out: string,
  runs: readonly Run[],
  relation: Relation,
  summary: object,
  of: string,
  intervalSeconds: number,
): void {
  const rows = rowsOf(runs)
  const figure = figureSvg(rows, {
    title: `System calls of a web server and its load: ${of}`,
    subtitle: `mean and standard deviation over the runs; correlation of the mean curves ${shown(relation.correlation)}`,
    intervalSeconds,
  })
  writeFileSync(join(out, 'figure3.svg'), figure)
  writeFileSync(join(out, 'figure3.csv'), csvOf(rows))
  writeFileSync(join(out, 'figure3.json'), `${JSON.stringify(summary, null, 2)}\n`)
}

function tell(
  summary: Relation & {
    requests: { served: number; failed: number }
    sensor: { seen: number; lost: number }
    observable: { name: string; value?: number | undefined }
  },
  out: string,
  say: (line: string) => void,
): void {
  const { correlation, perRun, callsPerRequest, requests, sensor, observable } = summary
  say(
    `correlation of load and calls over the mean curve: ${shown(correlation)} (at least ${CLAIM} is claimed)`,
  )
  say(`correlation of each run: ${perRun.map(shown).join(', ')}`)
  say(`system calls per request: ${callsPerRequest === undefined ? '-' : callsPerRequest.toFixed(2)}`)
  say(
    `requests: ${requests.served} served, ${requests.failed} failed; calls of the host: ${sensor.seen} seen, ${sensor.lost} lost`,
  )
  say(
    `lymph env show: ${observable.name} ${observable.value === undefined ? '-' : Math.round(observable.value)} calls in 10 s`,
  )
  say(`figure3.svg, figure3.csv, figure3.json: in ${out}`)
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
const shown = (value: number | undefined): string => (value === undefined ? 'not defined' : value.toFixed(4))
