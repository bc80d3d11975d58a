/** `lymph incident tolerate | tolerances | untolerate`: what was looked at and is excused, for a time and a reason. */
import { userInfo } from 'node:os'
import { Command } from 'commander'
import type { Tolerance } from '#incidents'
import { contextOf, print, printJson } from '../context.ts'
import { moment, plain, plural } from '../format.ts'
import { type Column, table } from '../table.ts'
import { parseWhen } from './when.ts'

/** Who does it: behind sudo, the person. */
function whoAmI(): string {
  try {
    return process.env.SUDO_USER || userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? '?'}`
  }
}

interface TolerateOptions {
  until: string
  reason: string
  by?: string
  wholeBinary?: boolean
  anyVersion?: boolean
}

export function tolerateCommand(): Command {
  return new Command('tolerate')
    .description(
      'Excuse what an incident showed until a time: no delay, no action, no warning to others. More than that is an incident again.',
    )
    .argument('<id>', 'as `lymph incident list` shows it')
    .requiredOption('--until <when>', 'how long, as 7d or 12h, or to a date as 2026-12-01')
    .requiredOption('--reason <text>', 'why, for whoever reads it later')
    .option('--by <name>', 'who decided it (default: who runs this)')
    .option('--whole-binary', 'whatever this program does, not only the pairs of this incident')
    .option('--any-version', 'also when its file is another one')
    .action(async (id: string, options: TolerateOptions, command: Command) => {
      const { api, json } = contextOf(command)
      const made = await api.post<Tolerance>(`/incidents/${encodeURIComponent(id)}/tolerate`, {
        until: parseWhen(options.until, Date.now(), 1),
        reason: options.reason,
        by: options.by ?? whoAmI(),
        scope: options.wholeBinary ? 'binary' : 'evidence',
        anyVersion: options.anyVersion ?? false,
      })
      if (json) printJson(made)
      else
        print(
          `${made.id}: ${plain(made.binary)} is tolerated until ${moment(made.until)}: ${scopeText(made)}`,
          ...(made.scope === 'evidence'
            ? [`until then no process of it is delayed, whatever it does: ${why}`]
            : []),
        )
    })
}

/** docs/decisions/tolerance-and-delay.md */
const why =
  'the kernel, which delays, cannot tell which calls are excused (all else that goes beyond them is accused as ever)'

const scopeText = ({ scope, evidence }: Tolerance): string =>
  scope === 'binary' ? 'whatever it does' : plural(evidence.length, 'unseen pair')

const columns: Column<Tolerance>[] = [
  { head: 'ID', cell: (t) => t.id },
  { head: 'UNTIL', cell: (t) => moment(t.until) },
  { head: 'BY', cell: (t) => t.by },
  { head: 'INCIDENT', cell: (t) => t.incident },
  { head: 'WHAT', cell: scopeText },
  { head: 'FILE', cell: (t) => (t.sha256 ? t.sha256.slice(0, 12) : 'any') },
  { head: 'BINARY', cell: (t) => t.binary, shrink: true },
  { head: 'REASON', cell: (t) => t.reason, shrink: true },
]

export function tolerancesCommand(): Command {
  return new Command('tolerances')
    .description('What is tolerated now, by whom, why and until when; what ends first comes first.')
    .action(async (_options: object, command: Command) => {
      const { api, json } = contextOf(command)
      const tolerances = await api.get<Tolerance[]>('/tolerances')
      if (json) printJson(tolerances)
      else print(table(tolerances, columns, 'nothing is tolerated'))
    })
}

export function untolerateCommand(): Command {
  return new Command('untolerate')
    .description('End tolerances now. What they excused is an incident again.')
    .argument('<id...>', 'as `lymph incident tolerances` shows them')
    .option('--by <name>', 'who decided it (default: who runs this)')
    .action(async (ids: string[], options: { by?: string }, command: Command) => {
      const { api, json } = contextOf(command)
      const by = options.by ?? whoAmI()
      const removed: Tolerance[] = []
      for (const id of ids) {
        removed.push(await api.post<Tolerance>(`/tolerances/${encodeURIComponent(id)}/remove`, { by }))
        if (!json) print(`${id} ended`)
      }
      if (json) printJson(removed)
    })
}
