/** Ordered keys and bytes: what a room that keeps things of its own asks for. */
export interface KeyValue {
  get(key: string): Promise<Uint8Array | undefined>
  put(key: string, value: Uint8Array): Promise<void>
  del(key: string): Promise<void>
  /** All or nothing. `sync`: on the disk before it resolves. */
  batch(operations: KeyValueOperation[], options?: { sync?: boolean }): Promise<void>
  /** Gives back the room of what was written over; for whoever writes much over. */
  compact?(): Promise<void>
  list(range?: {
    prefix?: string
    gt?: string
    reverse?: boolean
    limit?: number
  }): AsyncIterable<[string, Uint8Array]>
}

export type KeyValueOperation = { type: 'put'; key: string; value: Uint8Array } | { type: 'del'; key: string }

/** One kind of record, encoded and guarded by a checksum. A damaged record is reported and skipped, never returned. */
export interface Repository<Key, Value> {
  get(key: Key): Promise<Value | undefined>
  put(key: Key, value: Value): Promise<void>
  del(key: Key): Promise<void>
  putAll(entries: [Key, Value][]): Promise<void>
  list(): AsyncIterable<[Key, Value]>
}
