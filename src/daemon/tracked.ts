/** What the daemon keeps of one profile that a sensor holds. */
import { type LifeState, NEW_LIFE, type ProfileKey, type Response, stateName } from '#homeostasis'
import type { Executable, FileIdentity, ProfileCounters } from '#sensor'
import type { DaemonSettings } from './settings.ts'

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
  response: Response | undefined
  /** When learning began, ms since the epoch. */
  since: number
  /** Training pairs: counted when saved, and by novelties since. */
  pairs: number
  /** Something a save would lose: pairs or state. Counts alone are saved more seldom. */
  changed: boolean
  savedCalls: number
  savedAt: number
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
    response: undefined,
    since: now,
    pairs: 0,
    changed: true,
    savedCalls: 0,
    savedAt: 0,
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
}

export function matches(query: ProfileQuery, path: string, abi: string, sha256: string): boolean {
  const { binary } = query
  return (
    (path === binary || (!binary.includes('/') && path.endsWith(`/${binary}`))) &&
    (query.abi === undefined || abi === query.abi) &&
    (query.sha256 === undefined || sha256.startsWith(query.sha256))
  )
}

/** Unit of delay in ms; 0: ignore. */
export function delayUnit(response: Response | undefined, settings: DaemonSettings): number {
  return (response ?? settings.defaultResponse) === 'delay' ? settings.delayFactor * settings.jiffyMs : 0
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
}

export function rowOf(tracked: Tracked, settings: DaemonSettings): ProfileRow {
  const { counters, life } = tracked
  return {
    ...keyOf(tracked, settings.window),
    state: stateName({ normal: counters?.normal ?? false, frozen: life.frozen }),
    calls: counters?.calls ?? 0,
    pairs: tracked.pairs,
    sinceChange: counters?.lastModCount ?? 0,
    anomalies: counters?.anomalies ?? 0,
    response: tracked.response ?? settings.defaultResponse,
    tasks: counters?.tasks ?? 0,
    normalTime: life.frozen ? life.normalTime : 0,
  }
}
