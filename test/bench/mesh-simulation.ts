/**
 * `npm run bench -- mesh-simulation [--hosts N] [--seed S] [NAME ...]`: the scenarios and adversaries of test/mesh/simulator, at full
 * size where no N is given. A table on standard error, one JSON object on standard output.
 */
import { parseArgs } from 'node:util'
import { adversaries } from '../mesh/simulator/adversaries.ts'
import { type Outcome, tableOf } from '../mesh/simulator/measure.ts'
import { type Size, scenarios } from '../mesh/simulator/scenarios.ts'

const all: Record<string, (size: Size) => Promise<Outcome>> = { ...scenarios, ...adversaries }
/** Hosts where none is asked for. */
const sizes: Record<string, number> = { spread: 100, partition: 50, rough: 30, crashes: 20, churn: 6 }

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  options: { hosts: { type: 'string' }, seed: { type: 'string', default: '1' } },
  allowPositionals: true,
})
const names = positionals.length > 0 ? positionals : Object.keys(all)
const unknown = names.filter((name) => all[name] === undefined)
if (unknown.length > 0) {
  console.error(`no scenario is called ${unknown.join(', ')}; there are: ${Object.keys(all).join(', ')}`)
  process.exit(2)
}
const seed = Number(values.seed)
const outcomes: Outcome[] = []
for (const name of names) {
  const hosts = values.hosts === undefined ? (sizes[name] ?? 12) : Number(values.hosts)
  const began = performance.now()
  outcomes.push(await (all[name] as (size: Size) => Promise<Outcome>)({ hosts, seed }))
  console.error(`${name}: ${((performance.now() - began) / 1000).toFixed(1)} s`)
}
console.error(`\n${tableOf(outcomes)}`)
console.log(JSON.stringify({ bench: 'mesh-simulation', node: process.versions.node, seed, outcomes }))
process.exit(0)
