/** `lymph fleet`: the same program on several hosts. */
import { Command } from 'commander'
import type { Comparison } from '#fleet'
import { type Abi, abiOf } from '#syscalls'
import type { Api } from './api.ts'
import { contextOf, print, printJson } from './context.ts'
import { compact, plain, plural, shortHash } from './format.ts'
import { pairLines } from './pairs.ts'
import type { FleetLine, ProfileLine } from './shapes.ts'
import { type Column, table } from './table.ts'

/** Bodies of many hosts come over the network before the answer does. */
const compareTimeoutMs = 120_000
/** Calls named for one host; --json has them all. */
const mostLines = 40

export function fleetCommand(): Command {
  const fleet = new Command('fleet').description('The same program on the hosts of the mesh.')
  fleet
    .command('binaries')
    .description('Every program a host of the mesh has told of, and on how many hosts it is normal.')
    .action(async (_options: object, command: Command) => {
      const { api, json } = contextOf(command)
      const binaries = await api.get<FleetLine[]>('/fleet/binaries')
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
      const comparison = await api.get<Compared>('/fleet/compare', { binary, host: hosts }, compareTimeoutMs)
      if (json) printJson(comparison)
      else print(...told(comparison, comparison.abi ?? (await abiFor(api, comparison.binary))))
    })
  return fleet
}

const binaryColumns: Column<FleetLine>[] = [
  { head: 'HOSTS', cell: (b) => b.hosts.length, right: true },
  { head: 'NORMAL', cell: (b) => b.hosts.filter(({ state }) => state === 'normal').length, right: true },
  { head: 'VERSIONS', cell: (b) => new Set(b.hosts.map(({ sha256 }) => sha256)).size, right: true },
  { head: 'CALLS', cell: (b) => compact(b.hosts.reduce((sum, { calls }) => sum + calls, 0)), right: true },
  { head: 'BINARY', cell: (b) => b.binary, shrink: true },
]

/** `refused`: hosts that have the binary, and why their profile is not here. */
type Compared = Comparison & { abi?: Abi; refused?: { name: string; reason: string }[] }

function told(comparison: Compared, abi: Abi | undefined): string[] {
  const { hosts, onlyHere, distance } = comparison
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
    if (pairs.length === 0) continue
    const named = pairLines(pairs, abi)
    lines.push('', `only on ${plain(name)}: ${plural(pairs.length, 'pair')}`, ...named.slice(0, mostLines))
    if (named.length > mostLines)
      lines.push(`  and ${plural(named.length - mostLines, 'more call', 'more calls')}`)
  }
  for (const { name, reason } of comparison.refused ?? [])
    lines.push('', `left out: ${plain(name)}: ${plain(reason)}`)
  return lines
}

/** Whose names the numbers are: those of this host's own profile of the binary, else of this machine. */
async function abiFor(api: Api, binary: string): Promise<Abi | undefined> {
  const profiles = await api.get<ProfileLine[]>('/profiles').catch(() => [])
  return profiles.find((profile) => profile.binary === binary)?.abi ?? abiOf(process.arch)
}
