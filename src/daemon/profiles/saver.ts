/** Saves what the sensor has learned: every 30 seconds what is due, at the end all of it. */
import type { ProfileRecord, ProfileTables } from '#homeostasis'
import type { Sensor } from '#sensor'
import { oneLine } from '../errors.ts'
import type { Messages } from '../messages.ts'
import type { DaemonSettings } from '../settings.ts'
import type { Judging } from './judging.ts'
import type { LiveProfiles } from './live.ts'
import { type ProfileSaves, recordFrom } from './saves.ts'
import { mergeInstances, type Tracked } from './tracked.ts'

/** What keeping profiles needs. */
export interface KeepingPorts {
  sensor: Sensor
  saves: ProfileSaves
  settings: () => DaemonSettings
  messages: Messages
  now: () => number
}

export class Saver {
  readonly #ports: KeepingPorts
  readonly #live: LiveProfiles
  readonly #judging: Judging

  constructor(ports: KeepingPorts, live: LiveProfiles, judging: Judging) {
    this.#ports = ports
    this.#live = live
    this.#judging = judging
  }

  /** Saves what is due: whole profiles, then all counts in one batch. What fails is tried again; nothing is dropped. */
  async due(): Promise<void> {
    const { saves, settings, now } = this.#ports
    const counted: Tracked[] = []
    for (const tracked of this.#live.list()) {
      const due = saves.due(tracked, now())
      // Of several files of one key the counts belong together.
      if (due === 'counts' && this.#live.instances(tracked).length === 1) counted.push(tracked)
      else if (due) await this.save(tracked)
    }
    if (counted.length > 0) await saves.putCounts(counted, settings().window)
  }

  /** @param everyMs when it is tried again */
  async dueOrSay(everyMs: number): Promise<void> {
    try {
      await this.due()
    } catch (error) {
      const { messages } = this.#ports
      messages.say(
        1,
        `${oneLine(error)}; what is learned stays, and saving is tried again every ${everyMs / 1000} s`,
      )
    }
  }

  /** Saves all that changed at all, counts included. */
  async all(): Promise<void> {
    for (const tracked of this.#live.list()) {
      const unsaved =
        tracked.changed || tracked.judged?.unsaved || tracked.counters?.calls !== tracked.savedCalls
      if (tracked.file && tracked.ready && unsaved) await this.save(tracked)
    }
  }

  /** Reads the tables and saves them; the record and the file's bytes. */
  async save(tracked: Tracked): Promise<{ record: ProfileRecord; file: Uint8Array }> {
    const { sensor, saves, settings, now } = this.#ports
    const group = this.#live.instances(tracked)
    for (const one of group) one.changed = false
    const { judged } = tracked
    const unsaved = judged?.unsaved ?? 0
    if (judged) judged.unsaved = 0
    try {
      const read: [Tracked, ProfileTables][] = []
      for (const one of group) read.push([one, await sensor.tables(one.id)])
      const record = {
        ...recordFrom(group[0] as Tracked, mergeInstances(read), settings().window, now()),
        ...this.#judging.kept(tracked),
      }
      const { file, pairs } = await saves.put(tracked, record)
      for (const [one, tables] of read)
        Object.assign(one, { pairs, savedCalls: tables.calls, countedCalls: tables.calls, savedAt: now() })
      return { record, file }
    } catch (error) {
      for (const one of group) one.changed = true
      if (judged) judged.unsaved += unsaved
      throw error
    }
  }
}
