/**
 * What is kept of the models: each of them whole every few hours, and the means of every slot since, which are learned
 * again at the start. So a slot costs the disk some kilobytes and not every model, and kill -9 loses the slot it was in.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { KeyValue, KeyValueOperation } from '#store'
import { EnvironmentError } from '../errors.ts'
import { decodeModel, encodeModel } from '../model/codec.ts'
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

export interface KeptModel {
  model: ObservableModel
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
      const until = new DataView(value.buffer, value.byteOffset, value.length).getFloat64(0)
      if (!Number.isSafeInteger(until)) throw new EnvironmentError('damaged', 'it does not say of when it is')
      const model = decodeModel(inflateRawSync(value.subarray(8), { maxOutputLength: MODEL_BYTES }))
      kept.models.set(name, { model, until })
      this.#written.set(name, until)
    } else if (key.startsWith('slot:')) {
      const at = Number(key.slice('slot:'.length))
      const means = Object.entries(JSON.parse(Buffer.from(value).toString()) as Record<string, number>)
      kept.slots.push({ at, means: new Map(means) })
      this.#slots.push(at)
    }
  }

  /**
   * One batch, on the disk when it resolves: the means of a slot, some models, the small state.
   * @param at the slot, ms since the epoch
   * @param models all there are, each having learned this slot
   */
  async save(
    at: number,
    means: ReadonlyMap<string, number>,
    models: ReadonlyMap<string, ObservableModel>,
    state: unknown,
  ): Promise<void> {
    const operations: KeyValueOperation[] = [
      { type: 'put', key: slotKey(at), value: json(Object.fromEntries(means)) },
      { type: 'put', key: stateKey, value: json(state) },
    ]
    const chosen = this.#choose(models)
    for (const name of chosen)
      operations.push({
        type: 'put',
        key: modelKey(name),
        value: packed(models.get(name) as ObservableModel, at),
      })
    for (const name of this.#written.keys())
      if (!models.has(name)) operations.push({ type: 'del', key: modelKey(name) })
    const needed = this.#neededFrom(models, chosen, at)
    const over = this.#slots.filter((slot) => slot <= needed)
    for (const slot of over) operations.push({ type: 'del', key: slotKey(slot) })
    await this.#store.batch(operations, { sync: true })

    for (const name of chosen) this.#written.set(name, at)
    for (const name of this.#written.keys()) if (!models.has(name)) this.#written.delete(name)
    this.#slots.splice(0, this.#slots.length, ...this.#slots.filter((slot) => slot > needed), at)
  }

  /** Those whose writing is longest ago, new ones first. */
  #choose(models: ReadonlyMap<string, ObservableModel>): string[] {
    const fresh = [...models.keys()].filter((name) => !this.#written.has(name)).slice(0, NEW_AT_ONCE)
    const many = Math.max(0, Math.ceil(models.size / ROUND) - fresh.length)
    const old = [...models.keys()]
      .filter((name) => this.#written.has(name))
      .sort((a, b) => (this.#written.get(a) as number) - (this.#written.get(b) as number))
    return [...fresh, ...old.slice(0, many)]
  }

  /** Slots up to this one are in every model that is written. */
  #neededFrom(models: ReadonlyMap<string, ObservableModel>, chosen: readonly string[], at: number): number {
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

function packed(model: ObservableModel, at: number): Uint8Array {
  const body = deflateRawSync(encodeModel(model), { level: 3 })
  const bytes = new Uint8Array(8 + body.length)
  new DataView(bytes.buffer).setFloat64(0, at)
  bytes.set(body, 8)
  return bytes
}
