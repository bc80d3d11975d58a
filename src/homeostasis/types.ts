import type { Abi } from '#syscalls'

/** Columns and rows of the kernel's pair table. Calls are 0..509; the last two slots are no calls. */
export const SLOTS = 512
/** "No call yet": what fills a window at exec. pH's PH_EMPTY_SYSCALL. */
export const EMPTY = 511
/** A call number that no table could hold (x32, 9999, -1). */
export const OUT_OF_RANGE = 510

/** pH's lookahead pair: `previous` was seen `distance` places (1 .. window-1) before `current`. */
export interface Pair {
  current: number
  previous: number
  distance: number
}

/** What pH's start of a process means: EMPTY is a symbol like any other (pH), or pairs with it are skipped. */
export type EmptyRule = 'symbol' | 'skip'

/** pH's constants, all of them settings. Names on the command line are these in snake_case. */
export interface Settings {
  /** Calls in a window, the current one included: 2..9. */
  window: number
  empty: EmptyRule
  /** A profile is frozen when trainCount * normalFactorDen > (trainCount - lastModCount) * normalFactor. */
  normalFactor: number
  normalFactorDen: number
  /** Seconds between frozen and normal. */
  normalWait: number
  /** The test table is dropped when a profile's anomalies exceed this. */
  anomalyLimit: number
  /** The training table is dropped while a task's LFC exceeds this. */
  tolerizeLimit: number
  /** Calls of the locality frame: 1..128. */
  localityWindow: number
  /** A delay is delayFactor * 2^LFC jiffies; 0: delays are off. */
  delayFactor: number
  /** Milliseconds of a jiffy (pH's HZ=100: 10). */
  jiffyMs: number
  /** No single delay is longer than this many seconds. */
  delayLimit: number
  /** What a new profile's processes get: the paper's modification. */
  defaultResponse: Response
}

export type Response = 'ignore' | 'delay'

/** What pH's operator can do to a profile: accept training as normal, stop testing, forget training, forget all. */
export type OperatorVerb = 'normalize' | 'tolerize' | 'sensitize' | 'reset'

/** What makes two profiles the same: path, ABI, window and the file's SHA-256 (hex; '' while it is not known). */
export interface ProfileKey {
  binary: string
  abi: Abi
  window: number
  sha256: string
}

/** One table and its counters: pH's `data`. */
export interface DataSet<Table> {
  table: Table
  /** Windows that held an unknown pair when they came. */
  sequences: number
  /** Calls seen since the table was last reset. */
  trainCount: number
  /** Calls since the table last changed. */
  lastModCount: number
}

/** `learning`: neither frozen nor normal. A profile can be normal and frozen at once; `normal` is shown then. */
export type ProfileStateName = 'learning' | 'frozen' | 'normal'

/** One row of the pair tables: for each previous slot a byte, bit d-1 = seen at distance d. */
export interface TableRow {
  current: number
  /** 512 bytes each */
  train: Uint8Array
  test: Uint8Array
}

/** A profile's tables and counters, to be saved or put back. */
export interface ProfileTables {
  calls: number
  train: { sequences: number; trainCount: number; lastModCount: number }
  test: { sequences: number; trainCount: number; lastModCount: number }
  anomalies: number
  normal: boolean
  rows: TableRow[]
}
