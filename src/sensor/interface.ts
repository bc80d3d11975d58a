/**
 * Where calls come from. The kernel sensor (eBPF, every process of the host), its client in the daemon, and the
 * software sensor (strace, recorded traces) all are a `Sensor`, and pass the one suite in test/sensor/suite.ts.
 *
 * A sensor counts, tests and trains each call (windows, pair tables, LFC, anomaly limit, tolerize limit: exact,
 * per call). When a profile freezes and becomes normal is decided by who reads it, once a second.
 */
import type { OperatorVerb, ProfileTables, TableRow } from '#homeostasis'
import type { Abi } from '#syscalls'

export type { ProfileTables, TableRow }

export type SensorKind = 'kernel' | 'ptrace' | 'trace'

/** What the sensor must know of pH's constants. */
export interface SensorSettings {
  /** 2..9. Changing it empties every profile of the sensor. */
  window: number
  anomalyLimit: number
  tolerizeLimit: number
  /** 1..128 */
  localityWindow: number
  /** No single delay is longer; a sensor enforces a limit of its own beside it. */
  delayLimitMs: number
  /** Unit of delay for a profile that nobody has spoken of yet, in ms (delayFactor * jiffyMs, or 0: ignore). */
  defaultDelayUnitMs: number
  /** Units of processes are told of, for the judgement. Absent: not. */
  judge?: boolean
  /** Paths of programs of which each script has a profile of its own; at most 64. Absent: none. */
  interpreters?: string[]
}

/** Counters of one profile. Numbers are exact at the time of reading. */
export interface ProfileCounters {
  /** The sensor's own number of the profile; valid until `evicted`. */
  profile: number
  /** All calls of its processes. */
  calls: number
  trainCount: number
  lastModCount: number
  sequences: number
  anomalies: number
  normal: boolean
  /** Tasks running it now. */
  tasks: number
  /** Unit of delay in ms; 0: ignore. */
  delayUnitMs: number
}

/** The executable a profile is of. Device and inode as the kernel has them; `inode` in decimal. */
export interface Executable {
  /** What the profile is of; of a script `INTERPRETER:SCRIPT`, two paths. */
  path: string
  /** Of a script: the path of the file that runs it. */
  interpreter?: string
  abi: Abi
  device: number
  inode: string
  generation: number
  /** Inode number of the mount namespace the path is seen from. */
  mountNamespace: number
  /** The file had no name any more (unlinked, memfd). */
  deleted: boolean
}

/** What is known of the file's content, and how to notice that it changed. */
export interface FileIdentity {
  sha256: string
  sizeBytes: number
  mtimeMs: number
  ctimeMs: number
}

/** A profile saved before, given to `start` so that the sensor has it before the first call. */
export interface SavedProfile {
  executable: Executable
  file: FileIdentity
  tables: ProfileTables
  delayUnitMs: number
}

/** seen = processed + skipped + lost, on every path. */
export interface SensorTotals {
  seen: number
  processed: number
  /** Restarted calls and tasks that are no programs. */
  skipped: number
  /** Calls of programs for which there was no room, and calls the kernel did not show us. */
  lost: number
  /** Events that found the ring full; their counts are in the tables all the same. */
  lostEvents: number
  profiles: number
  profilesLimit: number
  rows: number
  rowsLimit: number
  evictions: number
  /** Units not watched for want of room, and their records that found the ring full. */
  unitsRefused?: number
  unitRecordsLost?: number
  /** Images of a script that went to their interpreter's own profile: it has as many of scripts as it may. */
  scriptsRefused?: number
  /** Calls not learned because no row was free. */
  rowsRefused: number
  delayedNow: number
  delays: number
  /** Kernel time spent in our programs, ns, and runs, since they were loaded; 0 where not measured. */
  runTimeNs: number
  runs: number
}

/**
 * A process image from exec or fork to its end, or 16,384 calls of it, as the judgement needs it: see
 * `UnitReport` of #homeostasis. Calls are slots.
 */
export interface UnitTold {
  calls: number
  /** Cost of the calls that have a slot, in sixteenths of a bit. */
  cost: number
  /** Calls from the 8th on that have none. */
  unknown: number
  /** Cost of the dearest of its frames of 128 calls, a call without a slot taken for 4 bits. */
  dearestFrame: number
  /** Its first 8 calls, oldest first; all of a shorter one. */
  head: number[]
  /** Windows without a slot or with a rare one, in base64: `unpackWindows` reads them. */
  windows: string
  /** Slots that it touched, a bit each, in base64; of each table that it has met. */
  touched: { version: number; bits: string }[]
  /** The binary that it started by exec, which ended it. */
  started: string | undefined
  /** The first of its process image; else it goes on from a unit that was full. */
  first: boolean
  /** And its image began by exec: before its calls there was none. */
  fresh: boolean
  /** False: something of it was lost; its numbers are a lower bound. */
  whole: boolean
}

interface TaskEvent {
  profile: number
  pid: number
  tid: number
  /** The task's own count of calls. */
  taskCalls: number
  /** When, ms since the epoch. */
  at: number
}

export type SensorEvent =
  /** `known`: the sensor's tables are current (it has had what was saved); load nothing, ask for `tables`. */
  | { type: 'profile'; profile: number; executable: Executable; pid: number; at: number; known?: true }
  | { type: 'identity'; profile: number; file: FileIdentity }
  | { type: 'identity-failed'; profile: number; reason: string }
  /** The file of a profile was written over in place; the profile has been emptied. */
  | { type: 'file-changed'; profile: number; file: FileIdentity }
  /** A pair that training had not seen. `previous` nearest first; bit d-1 of `missing`: distance d was new. */
  | (TaskEvent & { type: 'novelty'; current: number; previous: number[]; missing: number })
  /** A pair that the test table does not hold, in a normal profile. */
  | (TaskEvent & {
      type: 'anomaly'
      current: number
      previous: number[]
      missing: number
      lfc: number
      maxLfc: number
      /** The profile's anomalies, this one included. */
      anomalies: number
    })
  /** The anomaly limit was exceeded: the profile is normal no more. */
  | (TaskEvent & { type: 'normal-stopped'; anomalies: number; limit: number })
  /** The tolerize limit was exceeded: training data was dropped. Once for each time LFC rises over the limit. */
  | (TaskEvent & { type: 'training-reset'; lfc: number; limit: number })
  | (TaskEvent & { type: 'delayed'; lfc: number; delayMs: number })
  | { type: 'resumed'; pid: number; heldMs: number; at: number }
  /** A task that had anomalies ended, or became another program. */
  | (TaskEvent & { type: 'ended'; anomalous: number; maxLfc: number })
  /** A unit ended. Only where `settings.judge` is on. */
  | { type: 'unit'; profile: number; pid: number; tid: number; at: number; unit: UnitTold }
  /** No room: the profile was given up (its tables went out in `tables`). */
  | { type: 'evicted'; profile: number; tables: ProfileTables }
  /** Every second. */
  | { type: 'tick'; totals: SensorTotals; counters: ProfileCounters[]; at: number }
  /** The sensor can tell no more; whoever started it decides what now. */
  | { type: 'gone'; reason: string }

/**
 * What pH's operator can do to a profile. `normalize`: the training table becomes the test table now.
 * `sensitize`: forget training. `tolerize`: stop testing, back to learning. `reset`: forget everything.
 */
export type ProfileVerb = OperatorVerb

/** One process (thread group) as /proc/PID/pH told of it. */
export interface ProcessState {
  pid: number
  profile: number
  calls: number
  lfc: number
  maxLfc: number
  /** ms that are left of a delay; 0: runs. */
  delayedMs: number
}

export interface Sensor {
  readonly kind: SensorKind
  /** Resolves once calls are being watched. `saved` profiles are in place before the first one. */
  start(settings: SensorSettings, saved: SavedProfile[]): Promise<void>
  /** One listener; events come in order. */
  onEvent(listener: (event: SensorEvent) => void): void
  configure(settings: SensorSettings): Promise<void>
  /** Adds saved tables to what the profile has learned since it was first seen. */
  load(profile: number, tables: ProfileTables): Promise<void>
  tables(profile: number): Promise<ProfileTables>
  /**
   * With `lastModified` (calls - lastModCount at the time of deciding), does nothing and answers false when the
   * training table has changed since.
   */
  act(profile: number, verb: ProfileVerb, lastModified?: number): Promise<boolean>
  /** Sets the unit of delay of a profile in ms; 0: ignore. */
  respond(profile: number, delayUnitMs: number): Promise<void>
  processes(): Promise<ProcessState[]>
  /**
   * The slots a profile's 8-grams are looked up in (`SlotTable` of #homeostasis); none: all windows are told. A sensor
   * without it tells of no units. False: there is no room for them.
   */
  slots?(profile: number, version: number, slots: Uint32Array): Promise<boolean>
  /** Continues whatever is being delayed, then stops watching. */
  stop(): Promise<void>
}
