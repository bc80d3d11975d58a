/** The paper's figure 3 as an experiment. docs/experiments/figure3.md says what it shows. */
import { rmSync } from 'node:fs'
import { ExperimentError, exitCodes, lineOf } from './errors.ts'
import { experiment } from './experiment.ts'
import { help, parseOptions } from './options.ts'

const ending = new AbortController()
for (const [signal, exit] of [
  ['SIGINT', exitCodes.interrupted],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)
  process.on(signal, () => ending.abort(new ExperimentError('interrupted: nothing is left running', exit)))
// Whoever read the progress is gone: there is nobody to go on for.
process.stdout.on('error', () => ending.abort(new ExperimentError('standard output is closed')))

const cleanups: (() => Promise<void>)[] = []
let folder: string | undefined
try {
  const options = parseOptions(process.argv.slice(2))
  if (options)
    process.exitCode = await experiment(options, {
      ending,
      keep: (stop) => void cleanups.unshift(stop),
      temporary: (path) => {
        folder = path
      },
      say: (line) => console.log(line),
    })
  else console.log(help.trimEnd())
} catch (thrown) {
  // What ended it says more than what then went wrong because of it.
  const error = ending.signal.aborted ? ending.signal.reason : thrown
  for (const stop of cleanups.splice(0)) await stop().catch(() => {})
  console.error(`error: figure3: ${lineOf(error)}`)
  process.exitCode = error instanceof ExperimentError ? error.exit : exitCodes.degraded
} finally {
  for (const stop of cleanups) await stop().catch(() => {})
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
}
