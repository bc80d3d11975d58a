/** What a promise sees, and what it may touch: handed in by the run, so that a test can hand in another. */
import type { ProgramLease } from '../host/mortal.ts'
import type { Offender, Offenders } from './offenders.ts'
import type { ProcessFacts, ProcessFilter } from './processes/filter.ts'

/** pH's delay as the host's settings have it. */
export interface DelayFigures {
  /** A call waits 2^LFC times this, in ms; where delays are off, what they would begin with. */
  unitMs: number
  /** No call waits longer, in ms. */
  limitMs: number
}

/** The daemon, over its socket; the agent itself has no network and no store. Rejects where it does not answer. */
export interface DaemonPort {
  get<T>(path: string, query?: Record<string, string>): Promise<T>
  post<T>(path: string, body?: unknown): Promise<T>
}

/** Which programs nothing is ever done to: a list of root's, and those without which nobody gets into the host. */
export interface NeverList {
  /** Why this process is left alone; undefined: it may be acted on. */
  why(process: { pid: number; binary: string; name: string }): string | undefined
  /** All of it, in a sentence. */
  readonly told?: string
}

export interface World {
  /** ms since the epoch. */
  now(): number
  /** The agent's own folder in the state folder: root's, 0700. Absolute. */
  readonly folder: string
  /** Undefined: no daemon answers. A promise that needs one is not kept, and says so. */
  readonly daemon: DaemonPort | undefined
  /** Classes that hold in this run, those that earlier promises of it set included. */
  readonly classes: ReadonlySet<string>
  readonly offenders: Offenders
  /** Of those that ph_sequence found, who has ended since: to be named, and nothing else. */
  readonly ended: readonly (Offender & { endedAt: number })[]
  /** Programs of which something is tolerated, and until when: the kernel cannot tell what, and delays none of theirs. */
  readonly excused: ReadonlyMap<string, number>
  /** Undefined: no daemon tells. */
  readonly delays: DelayFigures | undefined
  readonly never: NeverList
  /** Filters of the policy, the detectors' own among them. */
  readonly filters: ReadonlyMap<string, ProcessFilter>
  /** The processes that run now, looked at once a promise. */
  processes(): readonly ProcessFacts[]
}

/** One step held for a time: whoever keeps leases (`lymph up`'s keeper) takes it back then, or when anything dies. */
export interface LeasePort {
  /**
   * Registers what is about to be done, before it is done.
   * @throws Error where nobody would keep it: then it must not be done
   */
  take(lease: { undo: Undone; untilMs: number; what: string }): string
  /** Until when it is held in this way already, ms since the epoch; undefined: it is not. */
  held(process: { pid: number; startTicks: number }, kind: Undone['kind']): number | undefined
  /** The control group it was in before its share of the CPU was limited; undefined: it is not. A folder. */
  groupBefore(process: { pid: number; startTicks: number }): string | undefined
  /** Resolves once a lease on execs is enforced, with the way it is; rejects, with the reason, where it will not be. */
  enforced(id: string, signal: AbortSignal): Promise<string>
  /** It could not be done, or only in part: what was done of it is taken back at once. */
  giveBack(id: string): void
  /**
   * A program that has just been started: ended with all of its session when this run dies, or its time is over. Where
   * nobody keeps leases the next run does it.
   * @param what it is, for a person
   * @throws Error where the disk does not take it
   */
  program(what: string, lastMs: number, looksAt?: { pid: number; startTicks: number }): ProgramLease
}

/** What the keeper knows how to take back, without any promise's help. */
export type Undone =
  | { kind: 'continue'; pid: number; startTicks: number }
  | { kind: 'thaw'; group: string; back: readonly { pid: number; startTicks: number; from: string }[] }
  | {
      kind: 'ungroup'
      group: string
      back: readonly { pid: number; startTicks: number; from: string }[]
    }
  | { kind: 'renice'; pid: number; startTicks: number; nice: number }
  | { kind: 'release-exec'; pid: number; startTicks: number }
  /** A program of a run's, with all of its session; `looksAt`: a process that it may have stopped. */
  | {
      kind: 'end'
      pid: number
      startTicks: number
      lastMs: number
      looksAt?: { pid: number; startTicks: number } | undefined
    }

export interface Hands extends World {
  /** Id of the run. */
  readonly run: string
  readonly leases: LeasePort
  /** Aborts at `expireafter`, and when the run is told to end. */
  readonly signal: AbortSignal
  /** Id of this act in the ledger: eight hex digits. */
  readonly id: string
  /** A line of progress, for whoever watches a long promise; may be called often. */
  progress(line: string): void
}
