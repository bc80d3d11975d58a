import {
  DEFAULT_SETTINGS,
  Profile,
  type ProfileTables,
  type Settings,
  SupportCounter,
  takeTables,
} from '#homeostasis'
import type { Abi } from '#syscalls'
import type { Executable, FileIdentity, ProfileCounters, SavedProfile, SensorSettings } from '../interface.ts'
import type { Program } from './source.ts'

/** A profile of the software sensor, under the sensor's own number. */
export interface WatchedProgram {
  number: number
  executable: Executable
  file: FileIdentity | undefined
  profile: Profile
  /** Its processes, by the pairs they showed. */
  support: SupportCounter
  /** Tasks running it now. */
  tasks: number
  delayUnitMs: number
  /** Somebody has set the unit; the default no longer does. */
  unitChosen: boolean
  /** Profile events have been sent. */
  announced: boolean
}

/**
 * pH's constants as the sensor's settings give them. A sensor never decides on normal by itself: the clock that
 * `process` is given stands still at 0, and a wait is over strictly after its end.
 */
export function sensorPhSettings(settings: SensorSettings, unitMs: number): Settings {
  return {
    ...DEFAULT_SETTINGS,
    window: settings.window,
    anomalyLimit: settings.anomalyLimit,
    tolerizeLimit: settings.tolerizeLimit,
    localityWindow: settings.localityWindow,
    delayFactor: unitMs,
    jiffyMs: 1,
    delayLimit: settings.delayLimitMs / 1000,
    defaultResponse: 'delay',
  }
}

/** The programs a software sensor knows: at most `limit`, no eviction; calls of those beyond are lost. */
export class Programs {
  readonly limit: number
  readonly #all = new Map<number, WatchedProgram>()
  /** path and ABI -> the one that runs under this name now */
  readonly #byName = new Map<string, WatchedProgram>()
  #settings: SensorSettings
  #next = 1

  constructor(settings: SensorSettings, limit: number) {
    this.#settings = settings
    this.limit = limit
  }

  get size(): number {
    return this.#all.size
  }

  get(number: number): WatchedProgram | undefined {
    return this.#all.get(number)
  }

  all(): IterableIterator<WatchedProgram> {
    return this.#all.values()
  }

  addSaved(saved: SavedProfile): void {
    const program = this.#add(saved.executable, saved.file)
    if (program === undefined) return
    takeTables(program.profile, saved.tables)
    program.delayUnitMs = saved.delayUnitMs
    program.unitChosen = true
    this.#apply(program)
  }

  /**
   * The profile for what a task became. `changed`: the same file has other content now, and its profile was emptied.
   * A file that took another's place is a profile of its own. undefined: no room.
   */
  find(found: Program): { program: WatchedProgram; changed: boolean } | undefined {
    const { executable, file } = found
    const known = this.#byName.get(nameOf(executable.path, executable.abi))
    // A file that cannot be identified (a recorded trace's, an unreadable one) is known by its path alone.
    if (known === undefined || !file || !known.file?.sha256 || known.file.sha256 === file.sha256) {
      const program = known ?? this.#add(executable, file)
      if (program === undefined) return undefined
      program.executable = executable
      if (file) program.file = file
      return { program, changed: false }
    }
    if (known.executable.device === executable.device && known.executable.inode === executable.inode) {
      known.profile.reset()
      known.support = new SupportCounter()
      known.file = file
      return { program: known, changed: true }
    }
    const program = this.#add(executable, file)
    return program && { program, changed: false }
  }

  /** Another window empties every profile. Gives back whether it did. */
  configure(settings: SensorSettings): boolean {
    const emptied = settings.window !== this.#settings.window
    this.#settings = settings
    for (const program of this.#all.values()) {
      if (emptied) {
        program.profile = this.#profileFor(program.executable, program.file)
        program.support = new SupportCounter()
      }
      if (!program.unitChosen) program.delayUnitMs = settings.defaultDelayUnitMs
      this.#apply(program)
    }
    return emptied
  }

  respond(program: WatchedProgram, delayUnitMs: number): void {
    program.delayUnitMs = delayUnitMs
    program.unitChosen = true
    this.#apply(program)
  }

  counters(): ProfileCounters[] {
    return [...this.#all.values()].map(({ number, profile, tasks, delayUnitMs }) => ({
      profile: number,
      calls: profile.calls,
      trainCount: profile.train.trainCount,
      lastModCount: profile.train.lastModCount,
      sequences: profile.train.sequences,
      anomalies: profile.anomalies,
      normal: profile.normal,
      tasks,
      delayUnitMs,
    }))
  }

  /** Rows of all pair tables in use. */
  rows(): number {
    let rows = 0
    for (const { profile } of this.#all.values())
      rows += profile.train.table.rowCount + profile.test.table.rowCount
    return rows
  }

  #add(executable: Executable, file: FileIdentity | undefined): WatchedProgram | undefined {
    if (this.#all.size >= this.limit) return undefined
    const program: WatchedProgram = {
      number: this.#next++,
      executable,
      file,
      profile: this.#profileFor(executable, file),
      support: new SupportCounter(),
      tasks: 0,
      delayUnitMs: this.#settings.defaultDelayUnitMs,
      unitChosen: false,
      announced: false,
    }
    this.#all.set(program.number, program)
    this.#byName.set(nameOf(executable.path, executable.abi), program)
    return program
  }

  #profileFor(executable: Executable, file: FileIdentity | undefined): Profile {
    const key = {
      binary: executable.path,
      abi: executable.abi,
      window: this.#settings.window,
      sha256: file?.sha256 ?? '',
    }
    return new Profile(key, sensorPhSettings(this.#settings, this.#settings.defaultDelayUnitMs))
  }

  #apply(program: WatchedProgram): void {
    program.profile.settings = sensorPhSettings(this.#settings, program.delayUnitMs)
  }
}

function nameOf(path: string, abi: Abi): string {
  return `${abi} ${path}`
}

/** Puts tables that were saved of a program under what it has learned since it was first seen. */
export type Lookup = (
  executable: Executable,
  file: FileIdentity | undefined,
) => Promise<ProfileTables | undefined>
