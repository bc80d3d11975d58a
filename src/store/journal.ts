import { fromCbor, toCbor } from './cbor.ts'
import { type Census, journalKind } from './census.ts'
import type { DamageReport } from './damage.ts'
import type { Engine } from './engine.ts'
import { open, seal } from './envelope.ts'
import { StoreError } from './errors.ts'
import type { KeyValueOperation } from './interface.ts'
import { keyOf, partsOf, runOf } from './keys.ts'
import { Queue } from './queue.ts'
import { sizeText } from './space.ts'

export const journalVersion = 1
/** Encoded bytes of one record at most: the journal is for small facts. */
const recordBytes = 16 * 1024
/** Decimal digits of a number in its key, so that their order is that of the numbers. */
const digits = 16

export interface JournalHealth {
  /** Numbers of the oldest and newest record kept; 0: none yet. */
  first: number
  last: number
  /** Numbers that are not there though they lie between those two: what damage took. */
  holes: [from: number, to: number][]
  holesCut: number
  /** Oldest records given up because the cap was reached, since the store was opened. */
  forgotten: number
}

/**
 * Small records with dense sequence numbers 1, 2, 3 ...; a lost one leaves a hole that shows. At most `limit` are
 * kept; beyond that the oldest go, in lots.
 */
export class Journal {
  readonly #engine: Engine
  readonly #damage: DamageReport
  readonly #limit: number
  readonly #queue = new Queue()
  readonly #health: JournalHealth

  constructor(engine: Engine, found: Census['journal'], limit: number, damage: DamageReport) {
    this.#engine = engine
    this.#damage = damage
    this.#limit = limit
    this.#health = { ...found, holes: [...found.holes], forgotten: 0 }
  }

  health(): JournalHealth {
    return structuredClone(this.#health)
  }

  /** All or nothing, on the disk when it resolves; the number of the last one. */
  append(records: unknown[]): Promise<number> {
    return this.#queue.run(async () => {
      const operations = records.map((record, index) => this.#put(this.#health.last + 1 + index, record))
      const last = this.#health.last + records.length
      const first = this.#health.first || 1
      // A twentieth at a time: one batch now and then in place of a delete with every append.
      const over = last - first + 1 - this.#limit
      const drop = over > this.#limit / 20 ? over : 0
      for (let number = first; number < first + drop; number++)
        operations.push({ type: 'del', key: keyOf(journalKind, nameOf(number)) })
      await this.#engine.write(operations, true)
      if (records.length === 0) return last
      this.#health.last = last
      this.#health.first = first + drop
      this.#health.forgotten += drop
      this.#health.holes = this.#health.holes.filter(([, to]) => to >= this.#health.first)
      return last
    })
  }

  /** Records after number `after`, oldest first. A damaged one is left out: its number does not come. */
  async *read(range: { after?: number; limit?: number } = {}): AsyncGenerator<[number, unknown]> {
    let left = range.limit ?? Number.POSITIVE_INFINITY
    const bounds = { ...runOf(journalKind), gte: keyOf(journalKind, nameOf((range.after ?? 0) + 1)) }
    if (left <= 0) return
    for await (const [key, sealed] of this.#engine.entries(bounds)) {
      const name = partsOf(key)?.name as string
      const opened = open(key, journalVersion, sealed)
      if (!opened.ok) {
        this.#damage.add(journalKind, name, opened.reason)
        continue
      }
      yield [Number(name), fromCbor(opened.payload)]
      if (--left <= 0) return
    }
  }

  #put(number: number, record: unknown): KeyValueOperation {
    const payload = toCbor(record)
    if (payload.length > recordBytes)
      throw new StoreError(
        'invalid',
        journalKind,
        `cannot write to the journal: a record of ${sizeText(payload.length)}, and ${sizeText(recordBytes)} is the most one may have`,
      )
    const key = keyOf(journalKind, nameOf(number))
    return { type: 'put', key, value: seal(key, journalVersion, payload) }
  }
}

const nameOf = (number: number): string => String(number).padStart(digits, '0')
