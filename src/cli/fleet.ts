/** `lymph fleet`: the same program on several hosts. */
import { Command } from 'commander'
import type { Comparison } from '#fleet'
import type { Abi } from '#syscalls'
import { contextOf, print, printJson } from './context.ts'
import { compact, plain, shortHash } from './format.ts'
import { pairLines } from './pairs.ts'
import type { FleetBinary } from './shapes.ts'
import { type Column, table } from './table.ts'

/** Bodies of many hosts come over the network before the answer does. */
const compareTimeoutMs = 120_000

export function fleetCommand(): Command {
  const fleet = new Command('fleet').description('The same program on the hosts of the mesh.')
  fleet
    .command('binaries')
    .description('Every program a host of the mesh has told of, and on how many hosts it is normal.')
    .action(async (_options: object, command: Command) => {
      const { api, json } = contextOf(command)
      const binaries = await api.get<FleetBinary[]>('/fleet/binaries')
      if (json) printJson(binaries)
      else print(table(binaries, binaryColumns, 'no host has told of a program yet'))
    })
  fleet
    .command('compare')
    .description(
      'Which pairs each host has that no other has. Fetches and verifies the profiles of the others.',
    )
    .argument('<binary>', 'path or base name')
    .argument('[host...]', 'names of members; without any, all that have it')
    .action(async (binary: string, hosts: string[], _options: object, command: Command) => {
      const { api, json } = contextOf(command)
      const comparison = await api.get<Comparison & { abi?: Abi }>(
        '/fleet/compare',
        { binary, host: hosts },
        compareTimeoutMs,
      )
      if (json) printJson(comparison)
      else print(...told(comparison))
    })
  return fleet
}

const binaryColumns: Column<FleetBinary>[] = [
  { head: 'HOSTS', cell: (b) => b.hosts.length, right: true },
  { head: 'NORMAL', cell: (b) => b.hosts.filter(({ state }) => state === 'normal').length, right: true },
  { head: 'VERSIONS', cell: (b) => new Set(b.hosts.map(({ sha256 }) => sha256)).size, right: true },
  { head: 'CALLS', cell: (b) => compact(b.hosts.reduce((sum, { calls }) => sum + calls, 0)), right: true },
  { head: 'BINARY', cell: (b) => b.binary, shrink: true },
]

function told(comparison: Comparison & { abi?: Abi }): string[] {
  const { hosts, onlyHere, distance, abi } = comparison
  const names = hosts.map(({ name }) => name)
  const lines = [
    table(
      hosts,
      [
        { head: 'HOST', cell: (h) => h.name },
        { head: 'SHA-256', cell: (h) => shortHash(h.sha256) },
        { head: 'PAIRS', cell: (h) => h.pairs, right: true },
        { head: 'ONLY HERE', cell: (h) => onlyHere[h.name]?.length ?? 0, right: true },
        ...names.map((other) => ({
          head: plain(`TO ${other}`),
          cell: (h: { name: string }) =>
            h.name === other ? '-' : (distance[h.name]?.[other]?.toFixed(3) ?? '-'),
          right: true,
        })),
      ],
      `no host of the mesh has a profile of ${plain(comparison.binary)}`,
    ),
  ]
  for (const name of names) {
    const pairs = onlyHere[name] ?? []
    if (pairs.length > 0) lines.push('', `only on ${plain(name)}:`, ...pairLines(pairs, abi))
  }
  return lines
}
