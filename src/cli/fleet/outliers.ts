/** `lymph fleet outliers`: who shows late, and again and again, what no other host has. */
import type { Command } from 'commander'
import type { Outliers } from '#daemon'
import { COMPARED_LEAST, FLAGGED } from '#fleet'
import type { Api } from '../api.ts'
import { contextOf, print, printJson } from '../context.ts'
import { exitCodes } from '../errors.ts'
import { plain } from '../format.ts'
import type { FleetLine } from '../shapes.ts'

const timeoutMs = 300_000
/** Programs looked at where none is named. */
const mostBinaries = 20

export function addOutliers(fleet: Command): void {
  fleet
    .command('outliers')
    .description(
      'Hosts that show late, and in process after process, pairs that no other host has: by processes that carry them against what an ' +
        'honest host of that size shows, and by how strange they are. Fetches and verifies the profiles of up to 64 hosts with the ' +
        'same file; of fewer than 12 nothing is said. Exit code 1: a host is flagged.',
    )
    .argument('[binary]', 'path or base name; without it, every program that 12 hosts have')
    .action(async (binary: string | undefined, _options: object, command: Command) => {
      const { api, json } = contextOf(command)
      const reports: Outliers[] = []
      for (const one of binary === undefined ? await common(api) : [binary])
        reports.push(await api.get<Outliers>('/fleet/outliers', { binary: one }, timeoutMs))
      if (json) printJson(binary === undefined ? reports : reports[0])
      else if (reports.length === 0) print(`no program runs on ${COMPARED_LEAST} hosts of the mesh`)
      for (const report of json ? [] : reports) {
        print(`${plain(report.binary)}:`, ...report.text.split('\n').map((line) => `  ${plain(line)}`))
        for (const { name, reason } of report.refused) print(`  left out: ${plain(name)}: ${plain(reason)}`)
      }
      if (reports.some(({ tooFew, alone }) => !tooFew && alone.some(({ score }) => score >= FLAGGED)))
        process.exitCode = exitCodes.findings
    })
}

async function common(api: Api): Promise<string[]> {
  const binaries = await api.get<FleetLine[]>('/fleet/binaries')
  return binaries
    .filter(({ hosts }) => new Set(hosts.map(({ peer }) => peer)).size >= COMPARED_LEAST)
    .slice(0, mostBinaries)
    .map(({ binary }) => binary)
}
