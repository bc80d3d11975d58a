/**
 * `npm run bench -- environment [PROCESSES] [SAMPLES]`: what measuring a host costs with 300 (or so many) processes: CPU
 * of a sample, close together, with new connections before each, and 10 s apart as a daemon takes them, and RSS;
 * the state of 100 observables after 8 weeks and the RSS of a daemon that holds it; beside CFEngine's cf-monitord.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { cfMonitord } from './environment/cf-monitord.ts'

const processes = Number(process.argv[2] ?? 300)
const samples = Number(process.argv[3] ?? 200)

const running = () => readdirSync('/proc').filter((entry) => /^\d+$/.test(entry)).length
const measured = (name: string, ...args: (number | string)[]) =>
  JSON.parse(
    execFileSync(
      process.execPath,
      [new URL(`environment/${name}.ts`, import.meta.url).pathname, ...args.map(String)],
      {
        encoding: 'utf8',
      },
    ),
  ) as unknown

const sleepers: ChildProcess[] = []
try {
  for (let missing = processes - running(); missing > 0; missing--)
    sleepers.push(spawn('sleep', ['600'], { stdio: 'ignore' }))
  console.log(
    JSON.stringify({
      bench: 'environment',
      node: process.versions.node,
      processes: running(),
      close: measured('sampling', samples, 50),
      busy: measured('sampling', samples, 50, 'busy'),
      apart: measured('sampling', 6, 10_000),
      state: measured('state'),
      cfMonitord: await cfMonitord(Math.min(samples, 20)),
    }),
  )
} finally {
  for (const sleeper of sleepers) sleeper.kill('SIGKILL')
}
