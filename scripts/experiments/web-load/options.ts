/** The command line of the experiment. */
import { parseArgs } from 'node:util'
import { ExperimentError, exitCodes, lineOf } from './errors.ts'

export interface Options {
  runs: number
  intervals: number
  intervalSeconds: number
  /** Requests a second at the height of the day. */
  peak: number
  seed: number
  out: string
  /** Undefined: one that is free. */
  port: number | undefined
}

const FULL = { runs: 5, intervals: 96, intervalSeconds: 3, peak: 300, seed: 1, out: 'build/figure3' }
const QUICK = { ...FULL, intervals: 24, intervalSeconds: 1 }
/** All arrivals of a run are drawn before it. */
const REQUESTS_LIMIT = 2_000_000

const name = 'scripts/experiments/figure3'

export const help = `usage: ${name} [options]

The paper's figure 3: drives a real nginx on a loopback port with the same varying load several times, counts its system
calls per interval with the live kernel sensor, and writes figure3.svg, figure3.csv and figure3.json. Needs root.

  --quick                  ${QUICK.intervals} intervals of ${QUICK.intervalSeconds} s: under 3 minutes (without: ${FULL.intervals} of ${FULL.intervalSeconds} s, about 25 minutes)
  --runs N                 times the load is repeated, 1 to 50 (${FULL.runs})
  --intervals N            intervals of a run, 3 to 2016
  --interval-seconds S     length of an interval, 0.5 to 300
  --peak R                 requests a second at the height of the day, 1 to 5000 (${FULL.peak})
  --seed N                 of the load's noise and arrivals, 0 to 4294967295 (${FULL.seed})
  --out FOLDER             where the three files go (${FULL.out})
  --port P                 the server's port on 127.0.0.1 (default: one that is free)
  --help

exit codes: 0 correlation over the mean curve at least 0.99, 1 below, 2 usage, 4 cannot run here, 130 interrupted
`

/**
 * @returns undefined: help is wanted
 * @throws ExperimentError
 */
export function parseOptions(args: readonly string[]): Options | undefined {
  const { values, positionals } = parsed(args)
  if (values.help) return undefined
  if (positionals.length > 0) throw usage(`nothing is to be named: "${positionals[0]}"`)
  const preset = values.quick ? QUICK : FULL
  const number = (key: keyof typeof values, least: number, most: number, otherwise: number, whole = true) => {
    const text = values[key]
    if (text === undefined) return otherwise
    const value = Number(text)
    if (
      String(text).trim() === '' ||
      !(value >= least && value <= most) ||
      (whole && !Number.isInteger(value))
    )
      throw usage(`--${key} ${text}: a ${whole ? 'whole ' : ''}number from ${least} to ${most}`)
    return value
  }
  const options: Options = {
    runs: number('runs', 1, 50, preset.runs),
    intervals: number('intervals', 3, 2016, preset.intervals),
    intervalSeconds: number('interval-seconds', 0.5, 300, preset.intervalSeconds, false),
    peak: number('peak', 1, 5000, preset.peak, false),
    seed: number('seed', 0, 2 ** 32 - 1, preset.seed),
    out: values.out ?? preset.out,
    port: values.port === undefined ? undefined : number('port', 1, 65_535, 0),
  }
  if (options.out === '') throw usage('--out: a folder')
  const requests = options.intervals * options.intervalSeconds * options.peak
  if (requests > REQUESTS_LIMIT)
    throw usage(
      `${requests} requests a run at the peak are more than ${REQUESTS_LIMIT}: fewer or shorter intervals, or a lower --peak`,
    )
  return options
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        quick: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        runs: { type: 'string' },
        intervals: { type: 'string' },
        'interval-seconds': { type: 'string' },
        peak: { type: 'string' },
        seed: { type: 'string' },
        out: { type: 'string' },
        port: { type: 'string' },
      },
    })
  } catch (error) {
    throw usage(lineOf(error).split('. ')[0] as string)
  }
}

const usage = (why: string): ExperimentError =>
  new ExperimentError(`${why}: see ${name} --help`, exitCodes.usage)
