/** What was taken over from the fleet: remembered, and marked wherever this host speaks of it. Outlives a restart. */
import { codesOf } from '#fleet'
import { type ProfileKey, type ProfileRecord, tableFrom } from '#homeostasis'
import type { Repository } from '#store'
import { nameOf } from '../profiles/tracked.ts'

/** Beyond it the oldest is forgotten: its pairs are this host's own from then on. */
const adoptedLimit = 1024

/** What was taken over into a profile. */
export interface KeptAdoption {
  key: ProfileKey
  at: number
  donors: string[]
  quorum: number
  /** `pairCode`s of pairs that were new to this host. */
  codes: number[]
  /** Own processes are learned until it is made normal. */
  learning: boolean
}

export class Adopted {
  readonly #kept: Repository<string, KeptAdoption>
  /** By `nameOf` their profile. */
  readonly #adopted = new Map<string, KeptAdoption>()

  constructor(kept: Repository<string, KeptAdoption>) {
    this.#kept = kept
  }

  async restore(): Promise<void> {
    for await (const [name, adopted] of this.#kept.list()) this.#adopted.set(name, adopted)
  }

  of(key: ProfileKey): KeptAdoption | undefined {
    return this.#adopted.get(nameOf(key))
  }

  list(): KeptAdoption[] {
    return [...this.#adopted.values()]
  }

  /** The record with its adopted pairs marked as borrowed, unless the sensor has seen them in processes of this host. */
  marked(record: ProfileRecord): ProfileRecord {
    const adopted = this.of(record.key)
    if (!adopted) return record
    const train = new Set(codesOf(tableFrom(record.tables.rows, 'train')))
    const support = new Map(record.support)
    for (const code of adopted.codes) {
      const known = support.get(code)
      if (train.has(code) && (!known || known.borrowed))
        support.set(code, { first: 1, seen: 1, borrowed: true })
    }
    return { ...record, support }
  }

  async keep(kept: KeptAdoption): Promise<void> {
    const name = nameOf(kept.key)
    this.#adopted.set(name, kept)
    await this.#kept.put(name, kept)
    if (this.#adopted.size <= adoptedLimit) return
    const [oldest] = [...this.#adopted].sort((a, b) => a[1].at - b[1].at)
    if (!oldest) return
    this.#adopted.delete(oldest[0])
    await this.#kept.del(oldest[0])
  }
}
