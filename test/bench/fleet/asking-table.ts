/** Tables of section 4: incidents, pages and attacks kept by rule; a library's upgrade. */
import { type AskSettings, pairsOfCalls } from '#fleet'
import { type AskOptions, replayAsking } from './asking.ts'
import { inserted, mean, random, share, spliced, table, to } from './fleet.ts'
import { type HostProcess, pairsOf } from './traces.ts'

const day = 86_400_000
const PROBE_EACH = 12

/** Attacks tried in the middle of a replay, without being learned. */
export interface Kept {
  tried: number
  /** They had something novel. */
  shown: number
  /** Of those shown: the fleet did not excuse them; and they joined a harmless wave. */
  kept: number
  joined: number
}

export type Probes = Record<string, (process: HostProcess, next: () => number) => Uint16Array>

export function probesOf(processes: readonly HostProcess[], attack: readonly Uint16Array[]): Probes {
  const known = [...new Set(processes.flatMap(({ calls }) => [...new Set(calls)]))].sort((a, b) => a - b)
  return {
    attack: (_, next) => attack[Math.floor(next() * attack.length)]!,
    insert: ({ calls }, next) => inserted(calls, known, next),
    splice: ({ calls }, next) => spliced(calls, next),
  }
}

export interface AskRow {
  rule: string
  window: number
  incidents: number
  incidentsLater: number
  pages: number
  pagesLater: number
  kept: Record<string, Kept>
}

export interface AskRule {
  name: string
  options?: Partial<AskOptions> & { settings?: Partial<AskSettings> }
}

/** Mean of some seeds. */
export function askRow(
  rule: AskRule,
  processes: readonly HostProcess[],
  window: number,
  probes: Probes,
  seeds: readonly number[],
): AskRow {
  const kept: Record<string, Kept> = {}
  const runs = seeds.map((seed) => {
    const draws = random(seed + 1000)
    return replayAsking(processes, {
      window,
      seed,
      ...rule.options,
      probe: (fleet, process) => {
        if (rule.options?.silent || draws() > 1 / PROBE_EACH) return
        for (const [name, attackOf] of Object.entries(probes)) {
          kept[name] ??= { tried: 0, shown: 0, kept: 0, joined: 0 }
          const of = kept[name]
          of.tried++
          const novel = fleet.profiles
            .get(process.host)!
            .novel(pairsOfCalls(attackOf(process, draws), window))
          if (novel.length === 0) continue
          of.shown++
          const verdict = fleet.ask(process.host, novel, draws)
          if (verdict.kind === 'familiar') continue
          of.kept++
          if (verdict.kind === 'unfamiliar' && fleet.joins(verdict.unfamiliar)) of.joined++
        }
      },
    })
  })
  const of = (field: 'incidents' | 'incidentsLater' | 'pages' | 'pagesLater'): number =>
    to(3, mean(runs.map((run) => run[field])))
  return {
    rule: rule.name,
    window,
    incidents: of('incidents'),
    incidentsLater: of('incidentsLater'),
    pages: of('pages'),
    pagesLater: of('pagesLater'),
    kept,
  }
}

const rule = (peers: number, quorum: number, more: Partial<AskOptions> = {}): Partial<AskOptions> => ({
  ...more,
  settings: { peers, quorum },
})

/** The recipe's rows, and ours. */
export const rules: AskRule[] = [
  { name: 'no asking', options: { silent: true } },
  { name: 'N=9 k=2, no guards', options: rule(9, 2, { unguarded: true }) },
  { name: 'N=15 k=1, no guards', options: rule(15, 1, { unguarded: true }) },
  { name: 'N=15 k=2, no guards', options: rule(15, 2, { unguarded: true }) },
  { name: 'N=15 k=3, no guards', options: rule(15, 3, { unguarded: true }) },
  { name: 'N=25 k=3, no guards', options: rule(25, 3, { unguarded: true }) },
  { name: 'N=15 k=3, guards and waves', options: rule(15, 3, { waves: true }) },
  { name: 'N=25 k=4, guards and waves', options: rule(25, 4, { waves: true }) },
  { name: 'N=25 k=3, guards and waves', options: rule(25, 3, { waves: true }) },
  { name: 'all 55, k=4, guards and waves', options: rule(55, 4, { waves: true }) },
  { name: 'N=15 k=3, paged when it recurs', options: rule(15, 3, { waves: true, recurrence: true }) },
  { name: 'N=25 k=4, paged when it recurs', options: rule(25, 4, { waves: true, recurrence: true }) },
  { name: 'all 55, k=4, paged when it recurs', options: rule(55, 4, { waves: true, recurrence: true }) },
]

const theirs: Record<string, string> = {
  '6 no asking': '2.21/1.00',
  '6 N=9 k=2, no guards': '1.28/.49',
  '6 N=15 k=1, no guards': '.63/.20',
  '6 N=15 k=2, no guards': '.98/.33',
  '6 N=15 k=3, no guards': '1.23/.46',
  '6 N=25 k=3, no guards': '1.01/.32',
  '6 N=15 k=3, guards and waves': '1.31/.47, .93/.40',
  '6 N=25 k=4, guards and waves': '1.33/.45, .90/.34',
  '6 N=25 k=3, guards and waves': '1.12/.35, .87/.33',
  '9 no asking': '2.43/1.15',
  '9 N=15 k=3, guards and waves': '1.24/.58 paged',
}

/** @param withRecipe the rows are of the 56 hosts, whose figures the recipe has */
export function askTableText(rows: readonly AskRow[], withRecipe = true): string {
  const kept = (row: AskRow, name: string): string => {
    const of = row.kept[name]
    return of && of.shown > 0
      ? `${(of.kept / of.shown).toFixed(2)} of ${(of.shown / of.tried).toFixed(2)}, ${of.joined} joined`
      : '-'
  }
  return table(
    ['rule', 'w', 'incidents', 'paged', "recipe's", 'attack kept', 'insert', 'splice'],
    rows.map((row) => [
      row.rule,
      row.window,
      `${row.incidents.toFixed(2)}/${row.incidentsLater.toFixed(2)}`,
      `${row.pages.toFixed(2)}/${row.pagesLater.toFixed(2)}`,
      (withRecipe ? theirs[`${row.window} ${row.rule}`] : undefined) ?? '',
      kept(row, 'attack'),
      kept(row, 'insert'),
      kept(row, 'splice'),
    ]),
  )
}

/**
 * A library's upgrade: from some moment of one day on each process of a host begins with calls it never made so.
 * Returns the pages of the whole fleet in the week from then on, and those it has without the upgrade.
 */
export function upgradePages(
  processes: readonly HostProcess[],
  window: number,
  options: Partial<AskOptions>,
  seed: number,
): { hosts: number; pages: number; without: number } {
  const next = random(seed)
  const begin = processes[0]!.time + 8 * day
  const moment = new Map<string, number>()
  const top = Math.max(...processes.flatMap(({ calls }) => [Math.max(...calls.subarray(0, 64))]))
  const loader = [top + 1, 5, top + 2, top + 1, top + 3, 6]
  const upgraded = processes.map((process) => {
    const at = moment.get(process.host) ?? begin + next() * day
    moment.set(process.host, at)
    if (process.time < at) return process
    const calls = Uint16Array.from([...process.calls.subarray(0, 8), ...loader, ...process.calls.subarray(8)])
    return { ...process, calls, pairs: new Map<number, Uint32Array>() }
  })
  const hosts = new Set<string>()
  const counts = new Map<string, number>()
  for (const { host, time } of upgraded) {
    counts.set(host, (counts.get(host) ?? 0) + 1)
    if (time >= moment.get(host)! && time < begin + 7 * day && counts.get(host)! > 10) hosts.add(host)
  }
  const pagesOf = (some: readonly HostProcess[]): number =>
    replayAsking(some, { window, seed, ...options }).paged.filter(
      ({ time }) => time >= begin && time < begin + 7 * day,
    ).length
  for (const process of upgraded) pairsOf(process, window)
  return { hosts: hosts.size, pages: pagesOf(upgraded), without: pagesOf(processes) }
}

/** Of attack processes that show pairs no host knows: how often the next one shows one of them again. */
export function sharesUnknown(
  attack: readonly Uint16Array[],
  processes: readonly HostProcess[],
  window: number,
): number {
  const known = new Set<number>()
  for (const process of processes) for (const code of pairsOf(process, window)) known.add(code)
  const unknown = attack.map((calls) => pairsOfCalls(calls, window).filter((code) => !known.has(code)))
  const again: boolean[] = []
  for (const [i, next] of unknown.slice(1).entries()) {
    const shown = unknown[i]!
    if (shown.length > 0) again.push(next.some((code) => shown.includes(code)))
  }
  return share(again)
}
