/** Writes docs/reference/settings.md from the table of settings. `node scripts/docs/settings.ts`. */
import { writeFileSync } from 'node:fs'
import { variables } from '#daemon'

export function settingsPage(): string {
  const rows = variables.map(({ name, kind, min, max, choices, initial, meaning }) => {
    const takes =
      kind === 'choice' ? choices?.join(', ') : `${min} to ${max}${kind === 'seconds' ? ' s' : ''}`
    return `| \`${name}\` | ${initial} | ${takes} | ${meaning} |`
  })
  return [
    '# Settings',
    '',
    '`lymph set` lists them, `lymph set NAME VALUE` changes one now and for good; the config file (config/lymph.yaml) gives',
    'them their first value. Durations are seconds, or `30m`, `12h`, `2d12h`.',
    '',
    '| name | default | takes | meaning |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

if (import.meta.main)
  writeFileSync(new URL('../../docs/reference/settings.md', import.meta.url), settingsPage())
