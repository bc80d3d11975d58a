/** `lymph fleet binaries`: what runs where, and how alike. */
import type { Command } from 'commander'
import { contextOf, print, printJson } from '../context.ts'
import { compact, plural } from '../format.ts'
import type { FleetLine } from '../shapes.ts'
import { type Column, table } from '../table.ts'

export function addBinaries(fleet: Command): void {
  fleet
    .command('binaries')
    .description(
      'Every program a host of the mesh has told of: on how many hosts, in which versions, normal on how many, and how far apart ' +
        'its profiles are (Jaccard distance estimated from sketches: middle and largest).',
    )
    .action(async (_options: object, command: Command) => {
      const { api, json } = contextOf(command)
      const binaries = await api.get<FleetLine[]>('/fleet/binaries')
      if (json) printJson(binaries)
      else {
        print(table(binaries, columns, 'no host has told of a program yet'))
        const missing = binaries.reduce((sum, one) => sum + (one.missing ?? 0), 0)
        if (missing > 0)
          print(
            `${plural(missing, 'profile')} more are told of (HOSTS after +): their digests are not here and could not be had in time`,
          )
      }
    })
}

const columns: Column<FleetLine>[] = [
  { head: 'HOSTS', cell: hostsText, right: true },
  { head: 'NORMAL', cell: (b) => b.states.normal, right: true },
  { head: 'FROZEN', cell: (b) => b.states.frozen, right: true },
  { head: 'LEARNING', cell: (b) => b.states.learning, right: true },
  { head: 'VERSIONS', cell: (b) => b.versions, right: true },
  { head: 'PACKAGE', cell: packageText },
  { head: 'CALLS', cell: (b) => compact(b.calls), right: true },
  { head: 'SPREAD', cell: spreadText, right: true },
  { head: 'BINARY', cell: (b) => b.binary, shrink: true },
]

function hostsText({ hosts, missing }: FleetLine): string {
  const held = new Set(hosts.map(({ peer }) => peer)).size
  return missing ? `${held}+${missing}` : `${held}`
}

function packageText({ packages }: FleetLine): string {
  const [first, ...more] = packages ?? []
  if (!first) return '-'
  return `${first.name} ${first.version}${more.length > 0 ? ` and ${more.length} more` : ''}`
}

function spreadText({ spread }: FleetLine): string {
  return spread ? `${spread.median.toFixed(3)}..${spread.most.toFixed(3)}` : '-'
}
