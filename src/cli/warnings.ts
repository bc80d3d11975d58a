/** `lymph warnings`: what other hosts say of themselves. Nothing here acts on it. */
import { Command } from 'commander'
import { gist } from '#incidents/gist'
import { contextOf, print, printJson } from './context.ts'
import { CommandError } from './errors.ts'
import { moment, plain, plural } from './format.ts'
import { pairLines } from './pairs.ts'
import type { WarningLine } from './shapes.ts'
import { type Column, table } from './table.ts'

export function warningsCommand(): Command {
  const warnings = new Command('warnings')
    .description('Warnings of other hosts that stand now; with --follow also those to come, until Ctrl-C.')
    .option('--follow', 'go on: each warning as it comes, as a line, or as a line of JSON with --json')
    .action(async (options: { follow?: boolean }, command: Command) => {
      const { api, json } = contextOf(command)
      if (!options.follow) {
        const warnings = await api.get<WarningLine[]>('/warnings')
        if (json) printJson(warnings)
        else print(table(warnings, columns, 'no warning stands'))
        return
      }
      const enough = new AbortController()
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => enough.abort())
      for await (const warning of api.follow<WarningLine>('/warnings/follow', enough.signal))
        process.stdout.write(json ? `${JSON.stringify(warning)}\n` : `${story(warning)}\n`)
    })
  warnings
    .command('ack')
    .description(
      'You have seen it: shown as acknowledged, and no class any more, until its host says something worse.',
    )
    .argument('<host>', 'who warns: its name, or its peer id')
    .argument('[subject]', 'of what, as `lymph warnings` shows it; without it, all of that host')
    .action((host: string, subject: string | undefined, _options: object, command: Command) =>
      deal(command, 'acknowledge', host, subject),
    )
  warnings
    .command('clear')
    .description('You have dealt with it: not shown any more, until its host says something worse.')
    .argument('<host>', 'who warns: its name, or its peer id')
    .argument('[subject]', 'of what, as `lymph warnings` shows it; without it, all of that host')
    .action((host: string, subject: string | undefined, _options: object, command: Command) =>
      deal(command, 'clear', host, subject),
    )
  return warnings
}

async function deal(
  command: Command,
  verb: 'acknowledge' | 'clear',
  host: string,
  subject: string | undefined,
): Promise<void> {
  const { api, json } = contextOf(command)
  const meant = (await api.get<WarningLine[]>('/warnings')).filter(
    (one) => (one.host === host || one.peer === host) && (subject === undefined || one.subject === subject),
  )
  const about = subject === undefined ? '' : ` about ${subject}`
  if (meant.length === 0)
    throw new CommandError(`no warning of ${host}${about} stands: \`lymph warnings\` lists them`)
  for (const { peer, kind, subject: of } of meant)
    await api.post(`/warnings/${verb}`, { peer, kind, subject: of })
  const done = verb === 'clear' ? 'cleared' : 'acknowledged'
  if (json) printJson(meant.map((one) => ({ ...one, state: done })))
  else print(...meant.map((one) => `${done}: ${plain(`${one.host}: ${one.kind} ${one.subject}`)}`))
}

/** Who else says it: by name where they are few. */
function borneOut({ corroborated, corroboratedBy: by = [] }: WarningLine): string {
  if (corroborated === 0) return ''
  return by.length === corroborated && by.length <= 3 ? by.join(', ') : plural(corroborated, 'host')
}

const columns: Column<WarningLine>[] = [
  { head: 'HOST', cell: (w) => w.host },
  { head: 'KIND', cell: (w) => w.kind },
  {
    head: 'SEVERITY',
    cell: (w) => w.severity,
    style: (w) => (w.severity === 'severe' ? 'red' : w.severity === 'incident' ? 'yellow' : undefined),
  },
  { head: 'STATE', cell: (w) => w.state },
  { head: 'ALSO', cell: borneOut },
  { head: 'LFC', cell: (w) => w.maxLfc, right: true },
  { head: 'PAIRS', cell: (w) => w.pairs?.length, right: true },
  { head: 'SIGMA', cell: (w) => w.sigmas?.toFixed(1), right: true },
  { head: 'RAISED', cell: (w) => moment(w.raised) },
  { head: 'EXPIRES', cell: (w) => moment(w.expires) },
  { head: 'SUBJECT', cell: (w) => w.subject, shrink: true },
]

/** One warning in a few lines: the first for skimming, the pairs below it indented. */
function story(warning: WarningLine): string {
  const others = borneOut(warning)
  const also = others === '' ? '' : `, also ${others}`
  const first = `${moment(warning.raised)} ${warning.host}: ${warning.severity}: ${warning.kind} ${gist(warning)} (${warning.state}${also})`
  const most = 8
  const lines = pairLines(warning.pairs ?? [], warning.abi, '    ')
  const rest = lines.length > most ? [`    and ${lines.length - most} more calls`] : []
  return [plain(first), ...lines.slice(0, most).map(plain), ...rest].join('\n')
}
