/** `lymph fleet adopt`: be normal in minutes, on the word of enough others. */
import type { Command } from 'commander'
import { contextOf, print, printJson } from '../context.ts'
import { exitCodes } from '../errors.ts'
import { plain } from '../format.ts'

interface Planned {
  plan?: string
  binary: string
  text: string
  refused: { name: string; reason: string }[]
  adopted: boolean
}

const timeoutMs = 120_000

export function addAdopt(fleet: Command): void {
  fleet
    .command('adopt')
    .description(
      'Take over the pairs of a program that enough other hosts have, and are old enough there; shown with their provenance before ' +
        'anything is done. The first processes here are learned on top; adopted pairs are not vouched for until seen here. Exit code ' +
        '1: nothing can be adopted.',
    )
    .argument('<binary>', 'path or base name')
    .option('--from <host...>', 'only these members (default: 16 drawn at random)')
    .option('--dry-run', 'show what would be taken over, and do nothing')
    .action(async (binary: string, options: { from?: string[]; dryRun?: boolean }, command: Command) => {
      const { api, json } = contextOf(command)
      const { from = [] } = options
      const planned = await api.post<Planned>('/fleet/adopt', { binary, from }, timeoutMs)
      if (!json) {
        print(...planned.text.split('\n').map(plain))
        for (const { name, reason } of planned.refused) print(`left out: ${plain(name)}: ${plain(reason)}`)
      }
      if (planned.plan === undefined) process.exitCode = exitCodes.findings
      if (planned.plan === undefined || options.dryRun) {
        if (json) printJson(planned)
        return
      }
      const done = await api.post<Planned>('/fleet/adopt/carry-out', { plan: planned.plan }, timeoutMs)
      if (json) printJson(done)
      else print('adopted')
    })
}
