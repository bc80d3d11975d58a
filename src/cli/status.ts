/** `lymph status`: this host at a glance, or what /proc/PID/pH told of its processes. */
import { Command } from 'commander'
import { contextOf, print, printJson } from './context.ts'
import { duration } from './duration.ts'
import { CommandError, exitCodes } from './errors.ts'
import { compact, moment, plural } from './format.ts'
import type { ProcessLine, Status } from './shapes.ts'
import { type Column, facts, table } from './table.ts'

export function statusCommand(): Command {
  return new Command('status')
    .description('What this host is, what it has seen and how its profiles stand; with a PID, one process.')
    .argument('[pid]', "what /proc/PID/pH told: a process's program, calls, LFC and delay")
    .option('--processes', 'every watched process, highest LFC first')
    .action(async (pid: string | undefined, options: { processes?: boolean }, command: Command) => {
      const { api, json } = contextOf(command)
      if (pid !== undefined) {
        const process = await processOf(pid, await api.get<ProcessLine[]>('/processes'))
        if (json) printJson(process)
        else print(facts(processFacts(process)))
      } else if (options.processes) {
        const processes = await api.get<ProcessLine[]>('/processes')
        processes.sort((a, b) => b.lfc - a.lfc || b.calls - a.calls)
        if (json) printJson(processes)
        else print(table(processes, processColumns, 'no process is being watched'))
      } else {
        const status = await api.get<Status>('/status')
        if (json) printJson(status)
        else print(facts(statusFacts(status)))
      }
    })
}

function processOf(text: string, processes: ProcessLine[]): ProcessLine {
  if (!/^\d+$/.test(text)) throw new CommandError(`"${text}" is not the number of a process`)
  const found = processes.find((process) => process.pid === Number(text))
  if (!found)
    throw new CommandError(
      `process ${text} is not being watched: it has ended, or has made no call since the sensor started; \`lymph status --processes\` lists the others`,
      exitCodes.findings,
    )
  return found
}

function processFacts(process: ProcessLine): [string, string | number][] {
  return [
    ['pid', process.pid],
    ['profile', process.binary],
    ['abi', process.abi],
    ['state', process.state],
    ['calls', process.calls],
    ['LFC', process.lfc],
    ['highest LFC', process.maxLfc],
    ['delayed', process.delayedMs > 0 ? `for another ${duration(process.delayedMs)}` : 'no'],
  ]
}

const processColumns: Column<ProcessLine>[] = [
  { head: 'PID', cell: (p) => p.pid, right: true },
  { head: 'STATE', cell: (p) => p.state },
  { head: 'CALLS', cell: (p) => compact(p.calls), right: true },
  { head: 'LFC', cell: (p) => p.lfc, right: true, style: (p) => (p.lfc > 0 ? 'yellow' : undefined) },
  { head: 'MAX', cell: (p) => p.maxLfc, right: true },
  {
    head: 'DELAY',
    cell: (p) => (p.delayedMs > 0 ? duration(p.delayedMs) : '-'),
    right: true,
    style: (p) => (p.delayedMs > 0 ? 'red' : undefined),
  },
  { head: 'ABI', cell: (p) => p.abi },
  { head: 'BINARY', cell: (p) => p.binary, shrink: true },
]

const sensors: Record<Status['sensor'], string> = {
  kernel: 'kernel (every process of this host)',
  ptrace: 'ptrace (only what `lymph watch` runs)',
  none: 'none: `lymph doctor` says why',
}

function environmentFacts({ environment }: Status): [string, string][] {
  if (!environment) return []
  const odd = environment.odd === 0 ? 'all normal' : `${environment.odd} not normal: lymph env show --odd`
  return [['environment', `${plural(environment.observables, 'observable')}, ${odd}`]]
}

function statusFacts(status: Status): [string, string][] {
  const { profiles, mesh } = status
  const all = profiles.learning + profiles.frozen + profiles.normal
  const lines: [string, string][] = [
    ['host', status.version ? `${status.host} (lymph ${status.version})` : status.host],
    ['sensor', sensors[status.sensor] ?? status.sensor],
    ['calls', `${compact(status.seen)} seen, ${compact(status.lost)} lost`],
    [
      'profiles',
      `${all}: ${profiles.learning} learning, ${profiles.frozen} frozen, ${profiles.normal} normal`,
    ],
    ['classes', `${status.classes} hold now`],
    ['incidents', status.incidents === 0 ? 'none open' : `${status.incidents} open: \`lymph incident list\``],
    ...environmentFacts(status),
    [
      'mesh',
      mesh?.id
        ? `${mesh.id}: ${plural(mesh.members, 'member')}, ${mesh.connected} connected`
        : 'none: `lymph mesh init` or `lymph mesh join` makes one',
    ],
  ]
  if (status.fleet) lines.push(['digests', placementText(status.fleet)])
  if (status.since) lines.splice(1, 0, ['since', moment(status.since)])
  for (const notice of status.notices ?? []) lines.push(['notice', notice])
  return lines
}

function placementText({ placement, neighbours, digests, inventory }: NonNullable<Status['fleet']>): string {
  const held = `${digests.digests} of other hosts here`
  if (placement === 'everywhere') return `${held}, gossiped to all`
  return `${held}, of ${neighbours} chosen hosts a program; ${inventory.rows} profiles are told of`
}
