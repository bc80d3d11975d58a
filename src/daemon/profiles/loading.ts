/** What was saved of a profile comes back when its file is known, and is saved when the sensor gives it up. */
import { countsOf, NEW_LIFE, type ProfileTables, tableFrom } from '#homeostasis'
import type { Judging } from './judging.ts'
import type { LiveProfiles } from './live.ts'
import type { KeepingPorts } from './saver.ts'
import { type Loaded, recordFrom } from './saves.ts'
import { handOver, keyOf, type Tracked } from './tracked.ts'

export class Loading {
  readonly #ports: KeepingPorts
  readonly #live: LiveProfiles
  readonly #judging: Judging
  /** Binaries seen for the first time since the start. */
  newBinaries = 0

  constructor(ports: KeepingPorts, live: LiveProfiles, judging: Judging) {
    this.#ports = ports
    this.#live = live
    this.#judging = judging
  }

  /** The content is known: what was saved of it comes back, unless the sensor has it already. */
  async identified(tracked: Tracked): Promise<void> {
    const { saves, settings, messages } = this.#ports
    const key = keyOf(tracked, settings().window)
    // A profile that came without a hash (learned from traces) is of whatever file stands there.
    const saved = (await saves.find(key)) ?? (await saves.find({ ...key, sha256: '' }))
    if (!saved && !tracked.known) this.newBinaries++
    if (saved) {
      await this.#restore(tracked, saved)
      messages.say(4, `read profile of ${key.binary}`)
    }
    const sibling = this.#live.instances(tracked).find((other) => other !== tracked && other.judged)
    await this.#judging.begin(tracked, saved?.record, sibling?.judged)
    if (saved || tracked.known) tracked.pairs = await this.#countPairs(tracked)
    tracked.ready = true
  }

  async #restore(tracked: Tracked, { record, stored }: Loaded): Promise<void> {
    const { tables } = record
    tracked.since = record.since
    if (stored.life.frozen)
      tracked.life = {
        frozen: true,
        normalTime: stored.life.normalTime,
        lastModified: tables.calls - tables.train.lastModCount,
      }
    const sibling = this.#live.instances(tracked).find((other) => other !== tracked && other.ready)
    if (sibling) tracked.borrowed = countsOf(tables)
    if (!tracked.known) await this.#ports.sensor.load(tracked.id, tables)
  }

  /** Its last tables: saved, with those of the other files of its key, one of which goes on counting for it. */
  async evicted(tracked: Tracked, tables: ProfileTables): Promise<void> {
    const { sensor, saves, settings, now } = this.#ports
    const rest = this.#live.instances(tracked).filter((other) => other !== tracked)
    this.#live.delete(tracked)
    this.#judging.drop(tracked)
    if (!tracked.file) return
    const [heir] = rest.sort((a, b) => (a.borrowed ? 1 : 0) - (b.borrowed ? 1 : 0))
    if (!heir) {
      await saves.put(tracked, {
        ...recordFrom(tracked, tables, settings().window, now()),
        ...this.#judging.kept(tracked),
      })
      return
    }
    await sensor.load(heir.id, handOver(tracked, tables, heir))
    heir.changed = true
  }

  async #countPairs(tracked: Tracked): Promise<number> {
    return tableFrom((await this.#ports.sensor.tables(tracked.id)).rows, 'train').pairs
  }
}

/** The sensor holds nothing of it any more, or what was loaded is gone. */
export function emptied(tracked: Tracked): void {
  Object.assign(tracked, { life: NEW_LIFE, pairs: 0, borrowed: undefined, changed: true })
}
