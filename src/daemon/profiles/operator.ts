/** What an operator does to profiles, whether a program runs them or they only wait in the store. */
import { subjectOf } from '#classes'
import {
  actOnRecord,
  decodeProfile,
  NEW_LIFE,
  type OperatorVerb,
  type ProfileRecord,
  type Response,
  tableInForce,
} from '#homeostasis'
import type { Sensor } from '#sensor'
import type { Abi } from '#syscalls'
import { DaemonError, oneLine } from '../errors.ts'
import type { Messages } from '../messages.ts'
import type { DaemonSettings } from '../settings.ts'
import type { Detector } from './detector.ts'
import type { BinaryResponses } from './responses.ts'
import type { ProfileSaves, SavedRow } from './saves.ts'
import { matches, mergeRows, nameOf, type ProfileQuery, type ProfileRow, rowOf } from './tracked.ts'

export interface OperatorPorts {
  sensor: Sensor | undefined
  /** Undefined while the host has no sensor. */
  detector: () => Detector | undefined
  saves: ProfileSaves
  responses: BinaryResponses
  settings: () => DaemonSettings
  messages: Messages
  now: () => number
}

/** What became of a profile that was taken in. */
export interface Imported {
  binary: string
  pairs: number
  window: number
  /** Live profiles that have it now; 0: it waits in the store. */
  live: number
  /** This host's window is another: the profile rests until that is changed. */
  rests: boolean
  abi: Abi
}

export class Operator {
  readonly #ports: OperatorPorts

  constructor(ports: OperatorPorts) {
    this.#ports = ports
  }

  /** Live rows, and saved ones that nothing runs now. While something of a binary is tolerated, none of it is delayed. */
  rows(): (ProfileRow & { toleratedUntil: number })[] {
    const { saves, responses, settings } = this.#ports
    const { window } = settings()
    const rows = new Map<string, ProfileRow>()
    for (const tracked of this.#ports.detector()?.live.list() ?? []) {
      const row = rowOf(tracked, window, responses.of(tracked.executable.path))
      // Until the first tick only what was saved is known of it.
      if (!tracked.counters && saves.rows.has(nameOf(row))) continue
      const other = rows.get(nameOf(row))
      rows.set(nameOf(row), other ? mergeRows(other, row) : row)
    }
    for (const [name, { made: _, ...row }] of saves.rows)
      if (!rows.has(name)) rows.set(name, { ...row, response: responses.of(row.binary) })
    return [...rows.values()].map((row) => ({ ...row, toleratedUntil: responses.excused(row.binary) }))
  }

  /** Saved profiles that no sensor holds. Without a window asked for: of this host's. */
  #resting(query: ProfileQuery): SavedRow[] {
    const { saves, settings } = this.#ports
    const window = query.window ?? settings().window
    const live = this.#ports.detector()?.live.names() ?? new Set()
    const found = [...saves.rows.values()].filter(
      (row) =>
        row.window === window && !live.has(nameOf(row)) && matches(query, row.binary, row.abi, row.sha256),
    )
    return found.sort((a, b) => b.calls - a.calls)
  }

  /** The one path that a name stands for, live or saved. */
  #pathOf(query: ProfileQuery): string | undefined {
    const live = (this.#ports.detector()?.live.find(query) ?? []).map(({ executable }) => executable.path)
    const paths = [...new Set([...live, ...this.#resting(query).map(({ binary }) => binary)])]
    if (paths.length > 1)
      throw new DaemonError(`"${query.binary}" could be ${paths.sort().join(' or ')}: give the whole path`)
    return paths[0]
  }

  /**
   * Carries out a verb on every profile that answers to the query; says how many.
   * @throws DaemonError where none does
   */
  async act(query: ProfileQuery, verb: OperatorVerb): Promise<number> {
    const { sensor, saves, now, messages } = this.#ports
    const binary = this.#pathOf(query)
    if (binary === undefined)
      throw new DaemonError(`no profile of "${query.binary}" is here: see lymph profile list`)
    const detector = this.#ports.detector()
    const live = detector?.live.find({ ...query, binary }) ?? []
    for (const tracked of live) {
      await sensor?.act(tracked.id, verb)
      if (verb === 'reset') tracked.borrowed = undefined
      const since = verb === 'reset' ? now() : tracked.since
      await detector?.changed(
        tracked,
        { life: NEW_LIFE, since },
        verb === 'reset' || verb === 'sensitize' ? {} : undefined,
      )
    }
    const resting = this.#resting({ ...query, binary })
    for (const row of resting) {
      const saved = await saves.find(row)
      if (saved) await saves.putRecord(actOnRecord(saved.record, verb, now()))
    }
    messages.say(2, `${verb} ${binary}, as the operator asked`)
    return live.length + resting.length
  }

  /** Undefined: nothing is said of the binary any more. It need not have run yet, if its whole path is given. */
  async respond(query: ProfileQuery, response: Response | undefined): Promise<void> {
    const binary = query.binary.startsWith('/') ? query.binary : this.#pathOf(query)
    if (binary === undefined)
      throw new DaemonError(`no profile of "${query.binary}" is here: give the whole path of the program`)
    await this.#ports.responses.say(binary, response)
    const detector = this.#ports.detector()
    for (const tracked of detector?.live.find({ binary }) ?? []) await detector?.respond(tracked)
    this.#ports.messages.say(2, `response of ${binary}: ${response ?? 'as the default says'}`)
  }

  /** What is tolerated of a binary, or held against it for a time, has changed: the sensor learns what its response is now. */
  async respondAnew(binary: string): Promise<void> {
    const detector = this.#ports.detector()
    for (const tracked of detector?.live.find({ binary }) ?? []) {
      try {
        await detector?.respond(tracked)
      } catch (error) {
        this.#ports.messages.say(1, `the response of ${binary} is not changed yet: ${oneLine(error)}`)
      }
    }
  }

  /** The profile file of a binary, as of now. Undefined: none. */
  async body(query: ProfileQuery): Promise<Uint8Array | undefined> {
    const detector = this.#ports.detector()
    const live = (detector?.live.find(query) ?? []).filter(({ file, ready }) => file && ready)
    const [best] = live.sort((a, b) => (b.counters?.calls ?? 0) - (a.counters?.calls ?? 0))
    if (best && detector) return (await detector.save(best)).file
    const { saves, settings } = this.#ports
    const window = query.window ?? settings().window
    const [row] = [...saves.rows.values()]
      .filter(
        (one) =>
          one.window === window &&
          // A peer names a binary as digests do.
          (matches(query, one.binary, one.abi, one.sha256) ||
            matches(query, subjectOf(one.binary), one.abi, one.sha256)),
      )
      .sort((a, b) => b.calls - a.calls)
    return row && (await saves.find(row))?.stored.file
  }

  /**
   * Takes a profile in, in place of the one there is of that binary, content, ABI and window.
   * @param binary whose it is to be, whatever the file says: one learned from a bare trace is of no program
   */
  async import(file: Uint8Array, binary?: string): Promise<Imported> {
    const { sensor, saves, settings, now, messages } = this.#ports
    // What units are judged by is of the host that learned it.
    const { judgement: _, ...read } = decodeProfile(file)
    const record: ProfileRecord = { ...read, key: { ...read.key, binary: binary ?? read.key.binary } }
    const { key, tables } = record
    if (!key.binary.startsWith('/'))
      throw new DaemonError(
        `the profile is of no program, but ${key.binary}: give the whole path of the one it is for with --binary PATH`,
      )
    await saves.putRecord({ ...record, made: now() })
    const detector = this.#ports.detector()
    const live = detector?.live.find(key) ?? []
    for (const tracked of live) {
      await sensor?.act(tracked.id, 'reset')
      tracked.borrowed = undefined
      await sensor?.load(tracked.id, tables)
      const lastModified = tables.calls - tables.train.lastModCount
      const life = record.frozen ? { frozen: true, normalTime: record.normalTime, lastModified } : NEW_LIFE
      await detector?.changed(tracked, { life, since: record.since }, record)
    }
    messages.say(2, `profile of ${key.binary} taken in, as the operator asked`)
    return {
      binary: key.binary,
      pairs: tableInForce(record).pairs,
      window: key.window,
      abi: key.abi,
      live: live.length,
      rests: key.window !== settings().window,
    }
  }
}
