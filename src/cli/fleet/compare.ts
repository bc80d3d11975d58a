/** `lymph fleet compare`: one program on several hosts, pair by pair. */
import type { Command } from 'commander'
import type { Comparison } from '#fleet'
import { type Abi, abiOf, callName } from '#syscalls'
import type { Api } from '../api.ts'
import { contextOf, print, printJson } from '../context.ts'
import { plain, plural, shortHash } from '../format.ts'
import { pairLines } from '../pairs.ts'
import type { ProfileLine } from '../shapes.ts'
import { type Column, table } from '../table.ts'

/** Bodies of many hosts come over the network before the answer does. */
const compareTimeoutMs = 120_000
/** Calls named for one host, and hosts that get a column each; --json has them all. */
const mostLines = 40
const mostColumns = 12

/** `refused`: hosts that have the binary, and why their profile is not here. */
export type Compared = Comparison & { abi?: Abi; refused?: { name: string; reason: string }[] }

export function addCompare(fleet: Command): void {
  fleet
    .command('compare')
    .description(
      'How far apart the profiles of a program are, which pairs only one host has, which all others have, and which calls are used ' +
        'on one host alone. Of up to 16 hosts the profiles are fetched and verified; of more, sketches tell.',
    )
    .argument('<binary>', 'path or base name')
    .argument('[host...]', 'names of members; without any, all that have it')
    .option('--exact', 'fetch and verify the profiles, however many')
    .option('--sketches', 'what the digests held say, without asking anybody')
    .action(
      async (
        binary: string,
        hosts: string[],
        options: { exact?: boolean; sketches?: boolean },
        command: Command,
      ) => {
        const { api, json } = contextOf(command)
        const exact = options.exact ? 'true' : options.sketches ? 'false' : undefined
        const comparison = await api.get<Compared>(
          '/fleet/compare',
          { binary, host: hosts, exact },
          compareTimeoutMs,
        )
        if (json) return printJson(comparison)
        const own = await ownName(api)
        print(...told(comparison, comparison.abi ?? (await abiFor(api, comparison.binary)), own))
      },
    )
}

function told(comparison: Compared, abi: Abi | undefined, own: string | undefined): string[] {
  const { hosts, onlyHere, distance, error, exact } = comparison
  const names = hosts.map(({ name }) => name)
  const shown = names.slice(0, mostColumns)
  const cell = (name: string, other: string): string => {
    const value = distance[name]?.[other]
    return name === other || value === undefined ? '-' : value.toFixed(3)
  }
  const columns: Column<Compared['hosts'][number]>[] = [
    { head: 'HOST', cell: (h) => h.name },
    { head: 'SHA-256', cell: (h) => shortHash(h.sha256) },
    { head: 'PAIRS', cell: (h) => h.pairs, right: true },
    { head: 'ONLY HERE', cell: (h) => onlyHere[h.name]?.length ?? '-', right: true },
    ...shown.map((other) => ({
      head: plain(`TO ${other}`),
      cell: (h: { name: string }) => cell(h.name, other),
      right: true,
    })),
  ]
  const lines = [table(hosts, columns, `no host of the mesh has a profile of ${plain(comparison.binary)}`)]
  if (names.length > shown.length)
    lines.push(`distances to ${plural(names.length - shown.length, 'more host')}: --json has them`)
  if (!exact)
    lines.push(
      `from sketches: the standard error of a distance is ${(error ?? 0).toFixed(3)} at most; --exact fetches and verifies the profiles`,
    )
  const sentence = own && differsText(comparison, own)
  if (sentence) lines.push('', sentence)
  if (names.length === 1) lines.push('', 'no other host has a profile of it that can be compared')
  else for (const name of names) lines.push(...hostLines(comparison, name, abi))
  for (const { name, reason } of comparison.refused ?? [])
    lines.push('', `left out: ${plain(name)}: ${plain(reason)}`)
  return lines
}

/** `this host differs from 11 of 12 peers in 3 pairs` */
export function differsText({ differs }: Compared, own: string): string | undefined {
  const here = differs?.[own]
  if (!here) return undefined
  if (here.pairs === 0) return `this host does not differ from its ${plural(here.of, 'peer')}`
  return `this host differs from ${here.from} of ${plural(here.of, 'peer')} in ${plural(here.pairs, 'pair')}`
}

function hostLines({ onlyHere, lacks, calls }: Compared, name: string, abi: Abi | undefined): string[] {
  const lines: string[] = []
  const part = (title: string, pairs: Comparison['onlyHere'][string]): void => {
    if (pairs.length === 0) return
    const named = pairLines(pairs, abi)
    lines.push('', `${title}: ${plural(pairs.length, 'pair')}`, ...named.slice(0, mostLines))
    if (named.length > mostLines)
      lines.push(`  and ${plural(named.length - mostLines, 'more call', 'more calls')}`)
  }
  part(`only on ${plain(name)}`, onlyHere[name] ?? [])
  part(`on all others, not on ${plain(name)}`, lacks[name] ?? [])
  const alone = calls[name] ?? []
  if (alone.length > 0)
    lines.push(
      '',
      `called on ${plain(name)} and nowhere else: ${alone.map((call) => (abi ? callName(abi, call) : call)).join(' ')}`,
    )
  return lines
}

async function ownName(api: Api): Promise<string | undefined> {
  const status = await api.get<{ name?: string } | null>('/mesh/status').catch(() => null)
  return status?.name
}

/** Whose names the numbers are: those of this host's own profile of the binary, else of this machine. */
async function abiFor(api: Api, binary: string): Promise<Abi | undefined> {
  const profiles = await api.get<ProfileLine[]>('/profiles').catch(() => [])
  return profiles.find((profile) => profile.binary === binary)?.abi ?? abiOf(process.arch)
}
