/** `lymph env show`, `week`, `export`, `reports`: what the daemon measures now, and what it has learned. */
import { writeFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import {
  envData,
  type HandOver,
  isOdd,
  kindOf,
  moduleProtocol,
  type ObservableRow,
  weekCsv,
  weekSvg,
} from '#environment'
import { contextOf, print, printJson } from '../context.ts'
import { CommandError, exitCodes, reasonOf } from '../errors.ts'
import { figure, moment, plain } from '../format.ts'
import type { EnvironmentReport, WeekAnswer } from '../shapes.ts'
import { type Column, facts, table } from '../table.ts'

export function lookCommands(parent: Command): void {
  parent
    .command('show')
    .description('What is measured now, what is normal at this time of the week, and how sure that is.')
    .argument('[name...]', 'only these observables; * stands for anything')
    .option('--odd', 'only those that are not normal now')
    .action(async (names: string[], options: { odd?: boolean }, command: Command) => {
      const { api, json } = contextOf(command)
      const all = await api.get<ObservableRow[]>('/environment')
      const wanted = names.map(patternOf)
      const rows = all
        .filter(({ name }) => wanted.length === 0 || wanted.some((pattern) => pattern.test(name)))
        .filter((row) => !options.odd || isOdd(row.class))
      if (names.length > 0 && rows.length === 0 && !options.odd)
        throw new CommandError(
          `no observable is called ${plain(names.join(' or '))}: \`lymph env show\` has all of them`,
        )
      if (json) printJson(rows)
      else if (names.length > 0 && rows.length === 1) print(facts(factsOf(rows[0] as ObservableRow)))
      else print(table(rows, columns, options.odd ? 'everything is normal' : 'nothing has been measured yet'))
    })
  parent
    .command('week')
    .description(
      "An observable's week as it was learned: the mean of each five minutes, and how much it varies.",
    )
    .argument('<name>', 'an observable, as `lymph env show` has them')
    .option('--svg [file]', 'a figure, to a file or to standard output')
    .option('--csv', 'slot,time,mean,spread,samples: one line for each of the 2016 slots')
    .action(async (name: string, options: { svg?: string | true; csv?: boolean }, command: Command) => {
      const { api, json } = contextOf(command)
      const { rows, zone } = await api.get<WeekAnswer>('/environment/week', { name })
      if (json) return printJson({ name, zone, rows })
      const text = options.svg && !options.csv ? weekSvg(rows, name, zone) : weekCsv(rows)
      if (typeof options.svg !== 'string') return void process.stdout.write(text)
      try {
        writeFileSync(options.svg, text)
      } catch (error) {
        throw new CommandError(`${options.svg}: ${reasonOf(error)}`, exitCodes.degraded)
      }
      print(`${plain(name)}: ${plain(options.svg)}`)
    })
  parent
    .command('reports')
    .description('What a person was told: alarms that are more than chance makes in a day, newest first.')
    .action(async (_options: object, command: Command) => {
      const { api, json } = contextOf(command)
      const reports = await api.get<EnvironmentReport[]>('/environment/reports')
      if (json) printJson(reports)
      else print(table(reports, reportColumns, 'nothing has been told'))
    })
  parent
    .command('export')
    .description('The classes and figures of now, as a CFEngine agent reads them.')
    .addOption(
      new Option('--format <format>', 'module: for read_module_protocol; env_data: for $(sys.statedir)')
        .choices(['module', 'env_data'])
        .default('module'),
    )
    .option('--monitord-names', "cf-monitord's spelling of names as well")
    .action(async (options: { format: 'module' | 'env_data'; monitordNames?: boolean }, command: Command) => {
      const { api, json } = contextOf(command)
      const handOver = await api.get<HandOver>('/environment/hand-over')
      if (json) return printJson(handOver)
      const writer = options.format === 'env_data' ? envData : moduleProtocol
      const { text, dropped } = writer(handOver, { monitordNames: options.monitordNames ?? false })
      process.stdout.write(text)
      for (const line of dropped) process.stderr.write(`note: left out: ${plain(line)}\n`)
    })
}

/** Names as a shell would match them. */
function patternOf(text: string): RegExp {
  const parts = text.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`)
}

const off = (row: ObservableRow): string =>
  row.deviation === undefined ? '-' : `${row.deviation > 0 ? '+' : ''}${figure(row.deviation)}`
const sigma = (row: ObservableRow): string =>
  row.sigma === undefined ? '-' : `${Math.abs(row.sigma).toFixed(1)} sigma`

const columns: Column<ObservableRow>[] = [
  { head: 'OBSERVABLE', cell: (row) => row.name },
  { head: 'VALUE', cell: (row) => figure(row.value), right: true },
  { head: 'EXPECTED', cell: (row) => figure(row.expected), right: true },
  { head: 'OFF BY', cell: off, right: true },
  {
    head: 'SIGMA',
    cell: (row) => (row.sigma === undefined ? '-' : Math.abs(row.sigma).toFixed(1)),
    right: true,
  },
  {
    head: 'CLASS',
    cell: (row) => row.class || '-',
    style: (row) => (/_(?:dev3|anomalous)$/.test(row.class) ? 'yellow' : undefined),
  },
  { head: 'HOW SURE', cell: (row) => row.sure, shrink: true },
]

function factsOf(row: ObservableRow): [string, string][] {
  const { precedent, score } = row
  return [
    ['observable', row.name],
    ['value', `${figure(row.value)} ${kindOf(row.name)?.unit ?? ''}`.trimEnd()],
    ['meaning', kindOf(row.name)?.meaning ?? 'configured by the operator'],
    ['expected', figure(row.expected)],
    ['off by', `${off(row)} (${sigma(row)}; usual: ${figure(row.spread)})`],
    ['class', row.class || 'none yet'],
    [
      'score',
      score === undefined ? '-' : `${score.toFixed(1)} in the last five minutes; above 5.4 is an alarm`,
    ],
    [
      'most like',
      precedent
        ? `${precedent.at === undefined ? 'a time forgotten' : moment(precedent.at)}, off by ${figure(precedent.distance)}`
        : '-',
    ],
    ['how sure', row.sure],
  ]
}

const reportColumns: Column<EnvironmentReport>[] = [
  { head: 'WHEN', cell: (report) => moment(report.at) },
  { head: 'OBSERVABLE', cell: (report) => report.name },
  { head: 'VALUE', cell: (report) => figure(report.row.value), right: true },
  { head: 'EXPECTED', cell: (report) => figure(report.row.expected), right: true },
  { head: 'SCORE', cell: (report) => report.score.toFixed(1), right: true },
  { head: 'WHY', cell: (report) => report.why },
  {
    head: 'TOGETHER WITH',
    cell: (report) => report.together.filter((name) => name !== report.name).join(' ') || '-',
    shrink: true,
  },
]
