/** Writes docs/reference/observables.md from the catalogue and the port table. `node scripts/docs/observables.ts`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { observables, readPorts } from '../../src/environment/probes/index.ts'

const prose = new URL('observables.prose.md', import.meta.url)

export function observablesPage(): string {
  const rows = observables.map(({ name, unit, meaning }) => `| \`${name}\` | ${unit} | ${meaning} |`)
  const services = [...readPorts()].map(([service, ports]) => `\`${service}\` ${ports.join(' ')}`).join(', ')
  return readFileSync(prose, 'utf8')
    .replace('{{observables}}', ['| name | unit | what |', '|---|---|---|', ...rows].join('\n'))
    .replace('{{services}}', services)
}

if (import.meta.main)
  writeFileSync(new URL('../../docs/reference/observables.md', import.meta.url), observablesPage())
