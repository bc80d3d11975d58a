/** What the runs measured, put together: curves with error bars, correlations, CSV. Pure. */
import { correlation, line, mean, standardDeviation } from './statistics.ts'

/** One run: an entry for each interval. */
export interface Run {
  /** Requests served. */
  load: number[]
  /** System calls of the server. */
  calls: number[]
}

/** Of one quantity in one interval, over the runs. */
export interface Point {
  mean: number
  /** Undefined of one run alone. */
  sd: number | undefined
}

export interface Row {
  /** From 1. */
  interval: number
  load: Point
  calls: Point
  /** Of each run. */
  loads: number[]
  callsOfRuns: number[]
}

/** @param runs at least one, all of as many intervals */
export function rowsOf(runs: readonly Run[]): Row[] {
  const intervals = runs[0]?.load.length ?? 0
  return Array.from({ length: intervals }, (_, i) => {
    const loads = runs.map(({ load }) => load[i] as number)
    const callsOfRuns = runs.map(({ calls }) => calls[i] as number)
    const point = (values: number[]): Point => ({ mean: mean(values), sd: standardDeviation(values) })
    return { interval: i + 1, load: point(loads), calls: point(callsOfRuns), loads, callsOfRuns }
  })
}

export interface Relation {
  /** Of load and calls over the mean curve; undefined where one does not vary. */
  correlation: number | undefined
  perRun: (number | undefined)[]
  /** System calls a request costs, and those of an interval without any, by least squares over the mean curve. */
  callsPerRequest: number | undefined
  callsWithoutLoad: number | undefined
}

export function relationOf(runs: readonly Run[]): Relation {
  const rows = rowsOf(runs)
  const load = rows.map((row) => row.load.mean)
  const calls = rows.map((row) => row.calls.mean)
  const fit = line(load, calls)
  return {
    correlation: correlation(load, calls),
    perRun: runs.map((run) => correlation(run.load, run.calls)),
    callsPerRequest: fit?.slope,
    callsWithoutLoad: fit?.intercept,
  }
}

/** One row an interval; an sd of one run alone is empty. */
export function csvOf(rows: readonly Row[]): string {
  const runs = rows[0]?.loads.length ?? 0
  const each = (name: string) => Array.from({ length: runs }, (_, i) => `${name}_${i + 1}`)
  const head = [
    'interval',
    'load_mean',
    'load_sd',
    'calls_mean',
    'calls_sd',
    ...each('load'),
    ...each('calls'),
  ]
  const number = (value: number | undefined) => (value === undefined ? '' : String(Number(value.toFixed(3))))
  const lines = rows.map(({ interval, load, calls, loads, callsOfRuns }) =>
    [interval, load.mean, load.sd, calls.mean, calls.sd, ...loads, ...callsOfRuns].map(number).join(','),
  )
  return `${[head.join(','), ...lines].join('\n')}\n`
}
