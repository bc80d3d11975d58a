/** What a watched command was, in numbers and by name. Pure. */
import { type Pair, type ProfileRecord, stateName, tableFrom } from '#homeostasis'
import type { WatchResult } from '#sensor'
import type { Abi } from '#syscalls'
import { compact, plain, plural } from '../format.ts'
import { pairLines } from '../pairs.ts'
import { type Column, table } from '../table.ts'

interface Watched {
  binary: string
  sha256: string
  abi: Abi
  window: number
  state: string
  /** Of this run. */
  calls: number
  pairs: number
  newPairs: number
  anomalous: number
  maxLfc: number
  /** Pairs that are not in the test table. */
  unseen: Pair[]
}

export interface WatchReport {
  command: string[]
  exitCode: number
  seen: number
  lost: number
  anomalous: number
  profiles: Watched[]
  incidents?: unknown
}

/** @param before the profiles as they were saved, by `ABI PATH` */
export function report(
  command: string[],
  result: WatchResult,
  before: ReadonlyMap<string, ProfileRecord>,
  incidents: unknown,
): WatchReport {
  const profiles = result.profiles.map((record) => {
    const { key, tables, frozen } = record
    const old = before.get(`${key.abi} ${key.binary}`)
    const train = tableFrom(tables.rows, 'train')
    const mine = result.anomalies.filter(({ binary }) => binary === key.binary)
    return {
      ...key,
      state: stateName({ normal: tables.normal, frozen }),
      calls: tables.calls - (old?.tables.calls ?? 0),
      pairs: train.pairs,
      newPairs: old ? train.difference(tableFrom(old.tables.rows, 'train')).pairs : train.pairs,
      anomalous: mine.length,
      maxLfc: Math.max(0, ...mine.map(({ maxLfc }) => maxLfc)),
      unseen: unseenPairs(mine),
    }
  })
  const { exitCode, anomalous, totals } = result
  const { seen, lost } = totals
  return {
    command,
    exitCode,
    seen,
    lost,
    anomalous,
    profiles,
    ...(incidents === undefined ? {} : { incidents }),
  }
}

function unseenPairs(anomalies: WatchResult['anomalies']): Pair[] {
  const pairs = new Map<string, Pair>()
  for (const { current, previous, missing } of anomalies)
    for (const [place, call] of previous.entries())
      if (missing & (1 << place))
        pairs.set(`${current} ${call} ${place}`, { current, previous: call, distance: place + 1 })
  return [...pairs.values()]
}

const columns: Column<Watched>[] = [
  { head: 'STATE', cell: (w) => w.state },
  { head: 'CALLS', cell: (w) => compact(w.calls), right: true },
  { head: 'PAIRS', cell: (w) => w.pairs, right: true },
  { head: 'NEW', cell: (w) => w.newPairs, right: true },
  { head: 'ANOMALIES', cell: (w) => w.anomalous, right: true },
  { head: 'LFC', cell: (w) => w.maxLfc, right: true },
  { head: 'BINARY', cell: (w) => w.binary, shrink: true },
]

const mostLines = 12

export function reportText(told: WatchReport): string {
  const lines = [
    `lymph watch: ${plural(told.seen, 'call')} seen, ${compact(told.lost)} lost, ${plural(told.anomalous, 'anomaly', 'anomalies')}`,
    table(told.profiles, columns, 'no program was learned', process.stderr),
  ]
  for (const { binary, abi, unseen } of told.profiles) {
    if (unseen.length === 0) continue
    const named = pairLines(unseen, abi)
    lines.push(`unseen in ${plain(binary)}:`, ...named.slice(0, mostLines).map(plain))
    if (named.length > mostLines)
      lines.push(`  and ${plural(named.length - mostLines, 'more call', 'more calls')}`)
  }
  return lines.join('\n')
}
