import { fromCbor, toCbor } from './cbor.ts'
import { countKeyOf, writeCount } from './census.ts'
import type { DamageReport } from './damage.ts'
import type { Engine } from './engine.ts'
import { open, seal } from './envelope.ts'
import { StoreError } from './errors.ts'
import type { KeyValueOperation, Repository } from './interface.ts'
import { keyOf, partsOf, runOf } from './keys.ts'
import { Queue } from './queue.ts'
import { sizeText } from './space.ts'

/** Version of the `count` records. */
export const countVersion = 1

export interface KindOptions<Key> {
  kind: string
  /** Raised when the meaning of the values changes; records of another version are left out, and kept. */
  version: number
  /** Records of this kind at most; another is refused (`full`), none is given up for it. */
  limit: number
  /** Encoded bytes of one value at most. */
  valueBytes: number
  nameOf: (key: Key) => string
  keyFrom: (name: string) => Key
}

/** One kind of record in the store: canonical CBOR in an envelope, its number kept beside it. */
export class KindRepository<Key, Value> implements Repository<Key, Value> {
  readonly #engine: Engine
  readonly #options: KindOptions<Key>
  readonly #damage: DamageReport
  readonly #names: Set<string>
  readonly #queue = new Queue()

  constructor(engine: Engine, options: KindOptions<Key>, names: Set<string>, damage: DamageReport) {
    this.#engine = engine
    this.#options = options
    this.#names = names
    this.#damage = damage
  }

  get size(): number {
    return this.#names.size
  }

  has(key: Key): boolean {
    return this.#names.has(this.#options.nameOf(key))
  }

  async get(key: Key): Promise<Value | undefined> {
    const name = this.#options.nameOf(key)
    const sealed = await this.#engine.get(keyOf(this.#options.kind, name))
    return sealed && this.#value(name, sealed)
  }

  put(key: Key, value: Value): Promise<void> {
    return this.putAll([[key, value]])
  }

  /** All or nothing, on the disk when it resolves. */
  putAll(entries: [Key, Value][]): Promise<void> {
    return this.#queue.run(() => this.putWith(entries, []))
  }

  del(key: Key): Promise<void> {
    return this.#queue.run(() => this.delWith(key, []))
  }

  /** As `putAll`, with operations of other kinds in the same batch; not queued. */
  async putWith(entries: [Key, Value][], more: KeyValueOperation[]): Promise<void> {
    if (entries.length === 0) return
    const added = new Set<string>()
    const operations: KeyValueOperation[] = [...more]
    for (const [key, value] of entries) {
      const name = this.#options.nameOf(key)
      if (!this.#names.has(name)) added.add(name)
      operations.push({ type: 'put', key: keyOf(this.#options.kind, name), value: this.#sealed(name, value) })
    }
    this.#needRoomFor(added.size)
    if (added.size > 0) operations.push(this.#count(this.#names.size + added.size))
    await this.#engine.write(operations, true)
    for (const name of added) this.#names.add(name)
  }

  async delWith(key: Key, more: KeyValueOperation[]): Promise<void> {
    const name = this.#options.nameOf(key)
    if (!this.#names.has(name)) return
    await this.#engine.write(
      [...more, { type: 'del', key: keyOf(this.#options.kind, name) }, this.#count(this.#names.size - 1)],
      true,
    )
    this.#names.delete(name)
  }

  async *list(): AsyncGenerator<[Key, Value]> {
    for await (const [key, sealed] of this.#engine.entries(runOf(this.#options.kind))) {
      const name = partsOf(key)?.name as string
      const value = this.#value(name, sealed)
      if (value !== undefined) yield [this.#options.keyFrom(name), value]
    }
  }

  #sealed(name: string, value: Value): Uint8Array {
    const { kind, version, valueBytes } = this.#options
    const payload = toCbor(value)
    if (payload.length > valueBytes)
      throw new StoreError(
        'invalid',
        kind,
        `cannot save ${kind} ${JSON.stringify(name.slice(0, 200))}: ${sizeText(payload.length)}, and ${sizeText(valueBytes)} is the most one may have`,
      )
    return seal(keyOf(kind, name), version, payload)
  }

  #value(name: string, sealed: Uint8Array): Value | undefined {
    const { kind, version } = this.#options
    const opened = open(keyOf(kind, name), version, sealed)
    if (opened.ok) return fromCbor(opened.payload) as Value
    this.#damage.add(kind, name, opened.reason)
    return undefined
  }

  #count(count: number): KeyValueOperation {
    const key = countKeyOf(this.#options.kind)
    return { type: 'put', key, value: seal(key, countVersion, writeCount(count)) }
  }

  #needRoomFor(more: number): void {
    const { kind, limit } = this.#options
    if (more > 0 && this.#names.size + more > limit)
      throw new StoreError(
        'full',
        kind,
        `cannot save ${more} more ${kind}: ${this.#names.size} are kept and ${limit} is the most there may be; delete some first`,
      )
  }
}
