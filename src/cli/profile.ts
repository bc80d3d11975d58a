/** `lymph profile`: what is normal for each program. */
import { Command } from 'commander'
import { contextOf, print, printJson } from './context.ts'
import { CommandError } from './errors.ts'
import { compact, moment, plain, shortHash } from './format.ts'
import { actCommands } from './profile/act.ts'
import { lookCommands } from './profile/look.ts'
import { moveCommands } from './profile/move.ts'
import { type Choice, choose, choosing } from './profile/select.ts'
import { profilesOf } from './saved.ts'
import type { ProfileLine } from './shapes.ts'
import { type Column, facts, table } from './table.ts'

export function profileCommand(): Command {
  const profile = new Command('profile').description(
    'Profiles: what each program does, learned. BINARY is a path, or a base name where only one program has it.',
  )
  profile
    .command('list')
    .description('Every profile, busiest first.')
    .option('--sort <field>', 'calls, pairs, anomalies, sinceChange, state or binary', 'calls')
    .action(async (options: { sort: string }, command: Command) => {
      const context = contextOf(command)
      const sort = sorting(options.sort)
      const profiles = (await profilesOf(context)).profiles.sort(sort)
      if (context.json) printJson(profiles)
      else print(table(profiles, columns, 'no program has been seen yet'))
    })
  choosing(profile.command('show').argument('<binary>', 'path or base name'))
    .description('One profile: its state and counters.')
    .action(async (binary: string, options: Choice, command: Command) => {
      const context = contextOf(command)
      const line = choose((await profilesOf(context)).profiles, binary, options)
      if (context.json) printJson(line)
      else
        print(
          facts(
            Object.entries(line)
              .filter(([name, value]) => name !== 'toleratedUntil' || value !== 0)
              .map(([name, value]) => [labels[name] ?? name, shown(value, name)]),
          ),
        )
    })
  for (const command of [...lookCommands(), ...actCommands(), ...moveCommands()]) profile.addCommand(command)
  return profile
}

const orders: Record<string, (a: ProfileLine, b: ProfileLine) => number> = {
  calls: (a, b) => b.calls - a.calls,
  pairs: (a, b) => b.pairs - a.pairs,
  anomalies: (a, b) => b.anomalies - a.anomalies,
  sinceChange: (a, b) => b.sinceChange - a.sinceChange,
  state: (a, b) => a.state.localeCompare(b.state),
  binary: (a, b) => a.binary.localeCompare(b.binary),
}

function sorting(field: string): (a: ProfileLine, b: ProfileLine) => number {
  const order = orders[field]
  if (!order)
    throw new CommandError(`--sort ${plain(field)}: choose one of ${Object.keys(orders).join(', ')}`)
  return (a, b) => order(a, b) || a.binary.localeCompare(b.binary)
}

const columns: Column<ProfileLine>[] = [
  {
    head: 'STATE',
    cell: (p) => p.state,
    style: (p) => (p.state === 'normal' ? 'green' : p.state === 'frozen' ? 'cyan' : undefined),
  },
  { head: 'CALLS', cell: (p) => compact(p.calls), right: true },
  { head: 'PAIRS', cell: (p) => p.pairs, right: true },
  { head: 'SINCE CHANGE', cell: (p) => compact(p.sinceChange), right: true },
  {
    head: 'ANOMALIES',
    cell: (p) => p.anomalies,
    right: true,
    style: (p) => (p.anomalies > 0 ? 'yellow' : undefined),
  },
  { head: 'RESPONSE', cell: (p) => (p.toleratedUntil ? 'tolerated' : p.response) },
  { head: 'WINDOW', cell: (p) => p.window, right: true },
  { head: 'ABI', cell: (p) => p.abi },
  { head: 'SHA-256', cell: (p) => shortHash(p.sha256) },
  { head: 'BINARY', cell: (p) => p.binary, shrink: true },
]

const labels: Record<string, string> = { sinceChange: 'calls since change', toleratedUntil: 'tolerated' }

function shown(value: unknown, name: string): string {
  if (name === 'toleratedUntil')
    return `something of it, until ${moment(Number(value))}: until then none of its processes is delayed, whatever the response`
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)
}
