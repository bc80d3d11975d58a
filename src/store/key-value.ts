import type { DamageReport } from './damage.ts'
import type { Engine, Range } from './engine.ts'
import { open, seal } from './envelope.ts'
import { StoreError } from './errors.ts'
import type { KeyValue, KeyValueOperation } from './interface.ts'
import { afterPrefix, keyOf, partsOf, runOf } from './keys.ts'
import { sizeText } from './space.ts'

export const keyValueVersion = 1
/** Bytes of one value at most. */
const valueBytes = 16 * 1024 * 1024

export const keyValueKind = (name: string): string => `kv.${name}`

/**
 * Ordered keys and bytes for one room, apart from every other's, each value under a checksum. How many there may be is
 * for the room that writes them to say. A write without `sync` survives the death of the process, not of the machine.
 */
export class SealedKeyValue implements KeyValue {
  readonly #engine: Engine
  readonly #kind: string
  readonly #damage: DamageReport

  constructor(engine: Engine, kind: string, damage: DamageReport) {
    this.#engine = engine
    this.#kind = kind
    this.#damage = damage
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const sealed = await this.#engine.get(keyOf(this.#kind, key))
    return sealed && this.#open(key, sealed)
  }

  put(key: string, value: Uint8Array): Promise<void> {
    return this.batch([{ type: 'put', key, value }])
  }

  del(key: string): Promise<void> {
    return this.batch([{ type: 'del', key }])
  }

  async batch(operations: KeyValueOperation[], options: { sync?: boolean } = {}): Promise<void> {
    await this.#engine.write(
      operations.map((operation) => this.#sealed(operation)),
      options.sync ?? false,
    )
  }

  compact(): Promise<void> {
    return this.#engine.compact(runOf(this.#kind))
  }

  async *list(
    range: { prefix?: string; gt?: string; reverse?: boolean; limit?: number } = {},
  ): AsyncGenerator<[string, Uint8Array]> {
    let left = range.limit ?? Number.POSITIVE_INFINITY
    if (left <= 0) return
    // The limit counts what is handed out: damaged records do not use it up.
    for await (const [key, sealed] of this.#engine.entries(this.#bounds(range))) {
      const name = partsOf(key)?.name as string
      const value = this.#open(name, sealed)
      if (value === undefined) continue
      yield [name, value]
      if (--left <= 0) return
    }
  }

  #bounds(range: { prefix?: string; gt?: string; reverse?: boolean }): Range {
    const whole = runOf(this.#kind)
    const bounds: Range = { ...whole, reverse: range.reverse ?? false }
    if (range.prefix) {
      const end = afterPrefix(range.prefix)
      bounds.gte = keyOf(this.#kind, range.prefix)
      if (end !== undefined) bounds.lt = keyOf(this.#kind, end)
    }
    if (range.gt !== undefined) {
      const gt = keyOf(this.#kind, range.gt)
      // Both bounds at once would let the looser one win in LevelDB's options.
      if (Buffer.compare(Buffer.from(gt), Buffer.from(bounds.gte as string)) >= 0) {
        delete bounds.gte
        bounds.gt = gt
      }
    }
    return bounds
  }

  #sealed(operation: KeyValueOperation): KeyValueOperation {
    const key = keyOf(this.#kind, operation.key)
    if (operation.type === 'del') return { type: 'del', key }
    if (operation.value.length > valueBytes)
      throw new StoreError(
        'invalid',
        this.#kind,
        `cannot save ${this.#kind} ${JSON.stringify(operation.key.slice(0, 200))}: ${sizeText(operation.value.length)}, and ${sizeText(valueBytes)} is the most one may have`,
      )
    return { type: 'put', key, value: seal(key, keyValueVersion, operation.value) }
  }

  #open(name: string, sealed: Uint8Array): Uint8Array | undefined {
    const opened = open(keyOf(this.#kind, name), keyValueVersion, sealed)
    if (opened.ok) return opened.payload
    this.#damage.add(this.#kind, name, opened.reason)
    return undefined
  }
}
