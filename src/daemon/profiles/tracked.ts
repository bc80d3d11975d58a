/** What the daemon keeps of one profile that a sensor holds. */
import {
  type LifeState,
  type LiveJudgement,
  mergeTables,
  NEW_LIFE,
  type ProfileCounts,
  type ProfileKey,
  type ProfileRecord,
  type ProfileTables,
  type Response,
  stateName,
  withoutCounts,
} from '#homeostasis'
import type { Executable, FileIdentity, ProfileCounters } from '#sensor'

/** One key's judgement. */
export interface Judged {
  live: LiveJudgement
  /** Units since it was saved. */
  unsaved: number
}

export interface Tracked {
  /** The sensor's number. */
  id: number
  executable: Executable
  /** Undefined while the content is not known; such a profile is not saved. */
  file: FileIdentity | undefined
  /** The sensor had what was saved: nothing is to be loaded. */
  known: boolean
  /** Loading is over: its life may go on. */
  ready: boolean
  counters: ProfileCounters | undefined
  life: LifeState
  /**
   * Counts it was loaded with that another live profile of the same key has as well: one path and content may be
   * several files (mount namespaces), and what they did together is counted once.
   */
  borrowed: ProfileCounts | undefined
  /** When learning began, ms since the epoch. */
  since: number
  /** Training pairs: counted when saved, and by novelties since. */
  pairs: number
  /** Pairs or state that are not saved yet. */
  changed: boolean
  /** Calls when all of it was saved, and when the counts alone were. */
  savedCalls: number
  countedCalls: number
  savedAt: number
  /** Its judgement, which all files of one key share. Undefined: units are not watched, or its loading is not over. */
  judged: Judged | undefined
  /** What a file keeps of it while it is switched off. */
  resting: Pick<ProfileRecord, 'judgement' | 'support'>
}

export function newTracked(id: number, executable: Executable, known: boolean, now: number): Tracked {
  return {
    id,
    executable,
    file: undefined,
    known,
    ready: false,
    counters: undefined,
    life: NEW_LIFE,
    borrowed: undefined,
    since: now,
    pairs: 0,
    changed: true,
    savedCalls: 0,
    countedCalls: 0,
    savedAt: 0,
    judged: undefined,
    resting: {},
  }
}

export function keyOf(tracked: Tracked, window: number): ProfileKey {
  const { executable, file } = tracked
  return { binary: executable.path, abi: executable.abi, window, sha256: file?.sha256 ?? '' }
}

export function nameOf(key: { binary: string; abi: string; window: number; sha256: string }): string {
  return [key.binary, key.abi, key.window, key.sha256].join('\0')
}

/** Which profiles a person or a peer means; what is left out may be anything. */
export interface ProfileQuery {
  /** A path, or the last part of one. */
  binary: string
  abi?: string | undefined
  /** The beginning of it is enough. */
  sha256?: string | undefined
  window?: number | undefined
}

export function matches(query: ProfileQuery, path: string, abi: string, sha256: string): boolean {
  const { binary } = query
  return (
    (path === binary || (!binary.includes('/') && path.endsWith(`/${binary}`))) &&
    (query.abi === undefined || abi === query.abi) &&
    (query.sha256 === undefined || sha256.startsWith(query.sha256))
  )
}

/** A row of `profile list`. */
export interface ProfileRow extends ProfileKey {
  state: 'learning' | 'frozen' | 'normal'
  calls: number
  pairs: number
  sinceChange: number
  anomalies: number
  response: Response
  /** Processes running it now. */
  tasks: number
  /** When it becomes normal if nothing new comes; 0: not frozen. */
  normalTime: number
  /** Units that the judgement has seen, and how many of them it measures by; 0: no judgement yet. */
  units: number
  m: number
  /** Units held back: those that wait to be learned, and those that only the operator's word learns. */
  waiting: number
  aside: number
}

export function rowOf(tracked: Tracked, window: number, response: Response): ProfileRow {
  const { counters, life, borrowed } = tracked
  return {
    ...keyOf(tracked, window),
    state: stateName({ normal: counters?.normal ?? false, frozen: life.frozen }),
    calls: Math.max(0, (counters?.calls ?? 0) - (borrowed?.calls ?? 0)),
    pairs: tracked.pairs,
    sinceChange: counters?.lastModCount ?? 0,
    anomalies: Math.max(0, (counters?.anomalies ?? 0) - (borrowed?.anomalies ?? 0)),
    response,
    tasks: counters?.tasks ?? 0,
    normalTime: life.frozen ? life.normalTime : 0,
    units: tracked.judged?.live.judgement.units ?? 0,
    m: tracked.judged?.live.judgement.calibration?.m ?? 0,
    ...heldBack(tracked),
  }
}

function heldBack({ judged }: Tracked): Pick<ProfileRow, 'waiting' | 'aside'> {
  const { waiting = 0, aside = 0 } = judged?.live.judgement.gauge().quarantine ?? {}
  return { waiting, aside }
}

const rank = { learning: 0, frozen: 1, normal: 2 } as const

/** The row of one key out of those of its files. */
export function mergeRows(a: ProfileRow, b: ProfileRow): ProfileRow {
  return {
    ...(rank[b.state] > rank[a.state] ? b : a),
    calls: a.calls + b.calls,
    pairs: Math.max(a.pairs, b.pairs),
    sinceChange: Math.min(a.sinceChange, b.sinceChange),
    anomalies: a.anomalies + b.anomalies,
    tasks: a.tasks + b.tasks,
  }
}

/** What the heir of a profile that was given up does not have yet. It owns from now on what both were loaded with. */
export function handOver(gone: Tracked, tables: ProfileTables, heir: Tracked): ProfileTables {
  const shared = gone.borrowed ?? heir.borrowed
  if (!gone.borrowed) heir.borrowed = undefined
  return shared ? withoutCounts(tables, shared) : tables
}

/** The tables of one key out of those of its files. */
export function mergeInstances(instances: readonly [Tracked, ProfileTables][]): ProfileTables {
  const own = instances.map(([{ borrowed }, tables]) => (borrowed ? withoutCounts(tables, borrowed) : tables))
  const [first, ...rest] = own as [ProfileTables, ...ProfileTables[]]
  return rest.reduce(mergeTables, first)
}
