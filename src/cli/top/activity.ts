/** What programs did between samples of their counters. Pure. */
import type { ProcessLine, ProfileLine } from '../shapes.ts'

export interface Sample {
  /** ms since the epoch. */
  at: number
  profiles: readonly ProfileLine[]
  processes: readonly ProcessLine[]
}

export interface Activity {
  binary: string
  abi: string
  sha256: string
  state: string
  /** Highest of its processes. */
  lfc: number
  /** Pairs learned since the oldest sample of the history. */
  newPairs: number
  /** Since the newest sample of the history. */
  callsPerSecond: number
  processes: number
  /** Longest delay that is left to one of its processes, ms. */
  delayedMs: number
  anomalies: number
}

const keyOf = (p: ProfileLine) => `${p.binary}\0${p.abi}\0${p.sha256}\0${p.window}`

/** @param history earlier samples, oldest first; without any, rates are 0 */
export function activities(history: readonly Sample[], now: Sample): Activity[] {
  const oldest = index(history[0])
  const newest = index(history.at(-1))
  const seconds = Math.max(0.001, (now.at - (history.at(-1)?.at ?? now.at)) / 1000)
  const running = Map.groupBy(now.processes, (process) => `${process.binary}\0${process.abi}`)
  return now.profiles
    .map((profile) => {
      const key = keyOf(profile)
      const processes = running.get(`${profile.binary}\0${profile.abi}`) ?? []
      // A profile that was not there before has learned all it has since; one that was reset has learned less than none.
      const before = history.length > 0 ? (oldest.get(key)?.pairs ?? 0) : profile.pairs
      const callsBefore = history.length > 0 ? (newest.get(key)?.calls ?? 0) : profile.calls
      return {
        binary: profile.binary,
        abi: profile.abi,
        sha256: profile.sha256,
        state: profile.state,
        lfc: Math.max(0, ...processes.map(({ lfc }) => lfc)),
        newPairs: Math.max(0, profile.pairs - before),
        callsPerSecond: Math.max(0, profile.calls - callsBefore) / seconds,
        processes: processes.length,
        delayedMs: Math.max(0, ...processes.map(({ delayedMs }) => delayedMs)),
        anomalies: profile.anomalies,
      }
    })
    .sort(
      (a, b) =>
        b.lfc - a.lfc ||
        b.newPairs - a.newPairs ||
        b.callsPerSecond - a.callsPerSecond ||
        a.binary.localeCompare(b.binary),
    )
}

function index(sample: Sample | undefined): Map<string, ProfileLine> {
  return new Map(sample?.profiles.map((profile) => [keyOf(profile), profile]))
}
