/**
 * What is kept of the models: each of them whole every few hours, and the means of every slot since, which are learned
 * again at the start. So a slot costs the disk some kilobytes and not every model, and kill -9 loses the slot it was in.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { KeyValue, KeyValueOperation } from '#store'
import { EnvironmentError } from '../errors.ts'
import { decodeMinute, decodeModel, encodeMinute, encodeModel } from '../model/codec.ts'
import type { RunningMinute } from '../model/minute.ts'
import type { ObservableModel } from '../model/observable.ts'

/** Slots in which every model is written once: six hours. */
const ROUND = 72
/** Models that were never written are first, so many at a slot. */
const NEW_AT_ONCE = 16
/** A model is 95 KB; what inflates to more is none. */
const MODEL_BYTES = 1024 * 1024

const modelKey = (name: string) => `model:${name}`
/** Sorted as the numbers are. */
const slotKey = (at: number) => `slot:${String(at).padStart(16, '0')}`
const stateKey = 'state'

/** What is written of one observable at a time. */
export interface Learned {
  model: ObservableModel
  minute: RunningMinute
}

export interface KeptModel extends Learned {
  /** The last slot it has learned, ms since the epoch. */
  until: number
}

export interface Kept {
  models: Map<string, KeptModel>
  /** Means of slots by observable, oldest first. */
  slots: { at: number; means: Map<string, number> }[]
  /** What is small and written at every slot; undefined: nothing. */
  state: unknown
  /** One line for each record that could not be read. */
  problems: string[]
}

export class EnvironmentKeep {
  readonly #store: KeyValue
  /** When each model was written last: the slot it was at. */
  readonly #written = new Map<string, number>()
  readonly #slots: number[] = []
  #batches = 0

  constructor(store: KeyValue) {
    this.#store = store
  }

  async load(): Promise<Kept> {
    const kept: Kept = { models: new Map(), slots: [], state: undefined, problems: [] }
    for await (const [key, value] of this.#store.list()) {
      try {
        this.#read(key, value, kept)
      } catch (error) {
        const [, name = key] = /^model:(.*)$/.exec(key) ?? []
        kept.problems.push(`environment: what was kept of ${name} is left out: ${(error as Error).message}`)
      }
    }
    return kept
  }

  #read(key: string, value: Uint8Array, kept: Kept): void {
    if (key === stateKey) kept.state = JSON.parse(Buffer.from(value).toString())
    else if (key.startsWith('model:')) {
      const name = key.slice('model:'.length)
      const { until, ...learned } = unpacked(value)
      kept.models.set(name, { until, ...learned })
      this.#written.set(name, until)
    } else if (key.startsWith('slot:')) {
      const at = Number(key.slice('slot:'.length))
      const means = Object.entries(JSON.parse(Buffer.from(value).toString()) as Record<string, number>)
      kept.slots.push({ at, means: new Map(means) })
      this.#slots.push(at)
    }
  }

  /**
   * The means of a slot, some models and the small state as they are now: what comes back writes them, in one batch
   * that is on the disk when it resolves.
   * @param at the slot, ms since the epoch
   * @param models all there are, each having learned this slot
   */
  prepare(
    at: number,
    means: ReadonlyMap<string, number>,
    models: ReadonlyMap<string, Learned>,
    state: unknown,
  ): () => Promise<void> {
    const operations: KeyValueOperation[] = [
      { type: 'put', key: slotKey(at), value: json(Object.fromEntries(means)) },
      { type: 'put', key: stateKey, value: json(state) },
    ]
    const chosen = this.#choose(models)
    for (const name of chosen)
      operations.push({
        type: 'put',
        key: modelKey(name),
        value: packed(models.get(name) as Learned, at),
      })
    const gone = [...this.#written.keys()].filter((name) => !models.has(name))
    for (const name of gone) operations.push({ type: 'del', key: modelKey(name) })
    const needed = this.#neededFrom(models, chosen, at)
    for (const slot of this.#slots) if (slot <= needed) operations.push({ type: 'del', key: slotKey(slot) })

    return async () => {
      await this.#store.batch(operations, { sync: true })
      for (const name of chosen) this.#written.set(name, at)
      for (const name of gone) this.#written.delete(name)
      this.#slots.splice(0, this.#slots.length, ...this.#slots.filter((slot) => slot > needed), at)
      if (++this.#batches % ROUND === 0) await this.#store.compact?.()
    }
  }

  /** Those whose writing is longest ago, new ones first. */
  #choose(models: ReadonlyMap<string, Learned>): string[] {
    const fresh = [...models.keys()].filter((name) => !this.#written.has(name)).slice(0, NEW_AT_ONCE)
    const many = Math.max(0, Math.ceil(models.size / ROUND) - fresh.length)
    const old = [...models.keys()]
      .filter((name) => this.#written.has(name))
      .sort((a, b) => (this.#written.get(a) as number) - (this.#written.get(b) as number))
    return [...fresh, ...old.slice(0, many)]
  }

  /** Slots up to this one are in every model that is written. */
  #neededFrom(models: ReadonlyMap<string, Learned>, chosen: readonly string[], at: number): number {
    const writing = new Set(chosen)
    let least = at
    for (const name of models.keys()) {
      if (writing.has(name)) continue
      // One that is not written at all needs every slot there is.
      least = Math.min(least, this.#written.get(name) ?? Number.NEGATIVE_INFINITY)
    }
    return least
  }
}

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))

/** When (8 bytes), the length of the fast path's part (4), both parts deflated. */
function packed({ model, minute }: Learned, at: number): Uint8Array {
  const fast = encodeMinute(minute)
  const head = Buffer.alloc(12)
  head.writeDoubleLE(at, 0)
  head.writeUInt32LE(fast.length, 8)
  return Buffer.concat([head, deflateRawSync(Buffer.concat([fast, encodeModel(model)]), { level: 3 })])
}

function unpacked(bytes: Uint8Array): KeptModel {
  const head = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const until = bytes.length < 12 ? Number.NaN : head.getFloat64(0, true)
  if (!Number.isSafeInteger(until)) throw new EnvironmentError('damaged', 'it does not say of when it is')
  const body = inflateRawSync(bytes.subarray(12), { maxOutputLength: MODEL_BYTES })
  const fast = Math.min(body.length, head.getUint32(8, true))
  return { until, minute: decodeMinute(body.subarray(0, fast)), model: decodeModel(body.subarray(fast)) }
}
