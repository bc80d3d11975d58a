/**
 * Writes that wait for one another, not the program for them: the last value of a key wins, one batch is under way at a time.
 * What could not be written (a full disk) stays pending and is tried again with the next write or `flush`.
 */
import type { KeyValue, KeyValueOperation } from '#store'

/** Bytes, or how to make them once the time has come; nothing deletes. */
type Value = Uint8Array | (() => Uint8Array) | undefined

export class Writes {
  readonly #store: KeyValue
  readonly #failed: (error: unknown) => void
  #pending = new Map<string, Value>()
  #running: Promise<void> | undefined
  #ended = false
  /** A run is due when this turn is over. */
  #due = false

  /** `failed` hears of every batch that could not be written. */
  constructor(store: KeyValue, failed: (error: unknown) => void) {
    this.#store = store
    this.#failed = failed
  }

  /** A value that many puts replace before it is written may be a function: only the last one is called. */
  put(key: string, value: Uint8Array | (() => Uint8Array)): void {
    this.#add(key, value)
  }

  del(key: string): void {
    this.#add(key, undefined)
  }

  /** Resolves when all that was asked for so far is written, or has failed and stays pending. */
  async flush(): Promise<void> {
    this.#run()
    // A batch that began before the last `put` does not hold it.
    await this.#running
    if (this.#running === undefined && this.#pending.size === 0) return
    this.#run()
    await this.#running
  }

  /** Writes what is left, once more; what is asked for afterwards is not written: the store is about to close. */
  async end(): Promise<void> {
    await this.flush()
    this.#ended = true
    this.#pending.clear()
    await this.#running
  }

  get pending(): number {
    return this.#pending.size
  }

  #add(key: string, value: Value): void {
    if (this.#ended) return
    this.#pending.set(key, value)
    if (this.#due) return
    this.#due = true
    queueMicrotask(() => {
      this.#due = false
      this.#run()
    })
  }

  #run(): void {
    if (this.#running !== undefined || this.#pending.size === 0) return
    const batch = this.#pending
    this.#pending = new Map()
    this.#running = this.#store
      .batch([...batch].map(operation))
      .then(
        () => true,
        (error) => {
          this.#pending = new Map([...batch, ...this.#pending])
          this.#failed(error)
          return false
        },
      )
      .then((written) => {
        this.#running = undefined
        if (written) this.#run()
      })
  }
}

function operation([key, value]: [string, Value]): KeyValueOperation {
  if (value === undefined) return { type: 'del', key }
  return { type: 'put', key, value: typeof value === 'function' ? value() : value }
}
