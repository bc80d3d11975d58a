/** `lymph incident`: the anomalies of one binary, grouped until quiet. */
import { Command } from 'commander'
import { type Familiarity, type IncidentKind, partText } from '#incidents'
import { contextOf, print, printJson } from './context.ts'
import { ago, compact, moment, plural, shortHash } from './format.ts'
import { explainCommand } from './incident/explain.ts'
import { exportCommand } from './incident/export.ts'
import { tolerancesCommand, tolerateCommand, untolerateCommand } from './incident/tolerate.ts'
import { verifyCommand } from './incident/verify.ts'
import { pairLines, windowText } from './pairs.ts'
import type { IncidentLine } from './shapes.ts'
import { type Column, facts, table } from './table.ts'

export function incidentCommand(): Command {
  const incident = new Command('incident').description(
    'Incidents: the anomalies of one binary on this host, grouped until quiet.',
  )
  incident
    .command('list')
    .description('Incidents of this host, newest first.')
    .option('--open', 'only those that are not resolved')
    .action(async (options: { open?: boolean }, command: Command) => {
      const { api, json } = contextOf(command)
      let incidents = await api.get<IncidentLine[]>('/incidents')
      if (options.open) incidents = incidents.filter(({ state }) => state !== 'resolved')
      incidents.sort((a, b) => b.lastSeen - a.lastSeen)
      if (json) printJson(incidents)
      else print(table(incidents, columns(Date.now()), 'no incident'))
    })
  incident
    .command('show')
    .description('One incident with the pairs nobody had seen before, by name.')
    .argument('<id>', 'as `lymph incident list` shows it')
    .action(async (id: string, _options: object, command: Command) => {
      const { api, json } = contextOf(command)
      const one = await api.get<IncidentLine>(`/incidents/${encodeURIComponent(id)}`)
      if (json) printJson(one)
      else print(facts(incidentFacts(one)), '', ...spoken(one), ...unseen(one))
    })
  incident
    .command('resolve')
    .description('Mark an incident as dealt with. What comes later opens a new one.')
    .argument('<id...>', 'as `lymph incident list` shows them')
    .action(async (ids: string[], _options: object, command: Command) => {
      const { api, json } = contextOf(command)
      const answers: unknown[] = []
      for (const id of ids) {
        answers.push(await api.post<unknown>(`/incidents/${encodeURIComponent(id)}/resolve`))
        if (!json) print(`${id} resolved`)
      }
      if (json) printJson(answers)
    })
  for (const command of [explainCommand, tolerateCommand, tolerancesCommand, untolerateCommand])
    incident.addCommand(command())
  incident.addCommand(exportCommand())
  incident.addCommand(verifyCommand())
  return incident
}

const colours: Record<string, 'red' | 'yellow'> = { severe: 'red', incident: 'yellow' }

function columns(now: number): Column<IncidentLine>[] {
  return [
    { head: 'ID', cell: (i) => i.id },
    { head: 'SEVERITY', cell: (i) => i.severity, style: (i) => colours[i.severity] },
    { head: 'STATE', cell: (i) => (i.tolerated ? 'tolerated' : i.state) },
    { head: 'CALLS', cell: (i) => compact(i.anomalous), right: true },
    { head: 'LFC', cell: (i) => i.maxLfc, right: true },
    { head: 'PAIRS', cell: (i) => i.pairs.length + (i.pairsCut ?? 0), right: true },
    { head: 'BITS', cell: (i) => i.bits?.toFixed(1) ?? '-', right: true },
    {
      head: 'KNOWN',
      cell: ({ familiarity }) =>
        familiarity && familiarity.verdict !== 'not-asked-enough'
          ? `${familiarity.known}/${familiarity.asked}`
          : '-',
      style: ({ familiarity }) => (familiarity?.verdict === 'familiar' ? 'green' : undefined),
      right: true,
    },
    { head: 'FIRST', cell: (i) => moment(i.firstSeen) },
    { head: 'LAST', cell: (i) => ago(i.lastSeen, now), right: true },
    { head: 'BINARY', cell: (i) => i.binary, shrink: true },
  ]
}

function incidentFacts(one: IncidentLine): [string, string | number][] {
  const facts: [string, string | number][] = [
    ['id', one.id],
    ['binary', one.binary],
    ['sha256', shortHash(one.sha256)],
    ['abi', one.abi],
    ['severity', one.severity],
    ['state', one.state],
    ['anomalous calls', one.anomalous],
    ['highest LFC', one.maxLfc],
    ['first seen', moment(one.firstSeen)],
    ['last seen', moment(one.lastSeen)],
  ]
  if (one.bits !== null && one.bits !== undefined) {
    const parts = (one.parts ?? []).map(partText).join(', ')
    facts.push(['surprise', `${one.bits.toFixed(1)} bits: ${parts} (m ${one.m}, q ${one.q})`])
    if (one.edge) facts.push(['started first', `${one.edge.started} by ${one.edge.parent}`])
  }
  if (one.pids?.length) facts.push(['processes', one.pids.join(' ')])
  if (one.familiarity) facts.push(['elsewhere', elsewhere(one.familiarity)])
  return facts
}

function elsewhere({ known, asked, verdict, unfamiliar, wave, waits, liars }: Familiarity): string {
  if (verdict === 'not-asked-enough') return `${asked} hosts have a say, too few`
  const lines = [`${known} of ${asked} hosts know it`]
  if (verdict === 'unfamiliar') lines.push(`${unfamiliar.length} pairs are known to too few`)
  if (wave) lines.push(`part of what ${wave.host} told of first`)
  if (waits) lines.push('the mesh is told when it is shown again')
  if (liars) lines.push(`not counted, since their digests deny what they said: ${liars.join(' ')}`)
  return lines.join('; ')
}

function spoken({ windows = [], kinds = [] }: IncidentLine): string[] {
  if (kinds.length > 1) return kinds.flatMap((kind, i) => [...kindText(kind, i), ''])
  if (windows.length === 0) return []
  return ['windows that spoke:', ...windows.map((window) => `  ${windowText(window)}`), '']
}

/** What has nothing in common with the others of the incident. */
function kindText({ units, bits, parts, edge, windows, lastSeen }: IncidentKind, index: number): string[] {
  const measured = `${bits.toFixed(1)} bits: ${parts.map(partText).join(', ')}`
  return [
    `kind ${index + 1}: ${plural(units, 'unit')}, ${measured}; last ${moment(lastSeen)}`,
    ...(edge ? [`  started first: ${edge.started} by ${edge.parent}`] : []),
    ...windows.map((window) => `  ${windowText(window)}`),
  ]
}

function unseen(one: IncidentLine): string[] {
  const cut = one.pairsCut ? `, and ${one.pairsCut} more that were not kept` : ''
  return [
    `${one.pairs.length} unseen pairs${cut} (call after what stood how many calls before):`,
    ...pairLines(one.pairs, one.abi),
  ]
}
