/** Reads a BPF ring buffer through its mapped pages. */
import { mapMemory, pageSize } from './native.ts'

const BUSY = 0x8000_0000
const DISCARDED = 0x4000_0000
const HEADER = 8
/** Records between two stores of the consumer's position: the kernel gets its room back in steps. */
const BATCH = 512

export class Ring {
  readonly bytes: number
  readonly #consumer: BigInt64Array
  readonly #producer: BigInt64Array
  readonly #data: DataView
  readonly #lengths: Int32Array

  constructor(fd: number, bytes: number) {
    this.bytes = bytes
    this.#consumer = new BigInt64Array(mapMemory(fd, pageSize, 0, true))
    const rest = mapMemory(fd, pageSize + 2 * bytes, pageSize, false)
    this.#producer = new BigInt64Array(rest, 0, 1)
    // The kernel maps the data twice, one after the other, so that no record wraps.
    this.#data = new DataView(rest, pageSize, 2 * bytes)
    this.#lengths = new Int32Array(rest, pageSize, bytes / 2)
  }

  /** Bytes written and not yet read. */
  get pending(): number {
    return Number(Atomics.load(this.#producer, 0) - Atomics.load(this.#consumer, 0))
  }

  /**
   * Hands over every record that is complete; `at` is its offset in `data`, valid during the call only. Stops after
   * `limit` records, so that a flood does not starve the timers; answers how many there were.
   */
  drain(limit: number, take: (data: DataView, at: number, length: number) => void): number {
    let records = 0
    let position = Number(Atomics.load(this.#consumer, 0))
    const store = () => Atomics.store(this.#consumer, 0, BigInt(position))
    let end = Number(Atomics.load(this.#producer, 0))
    try {
      while (records < limit) {
        if (position >= end) {
          // The kernel wakes a reader only when it finds that it had caught up: look again after saying so.
          store()
          end = Number(Atomics.load(this.#producer, 0))
          if (position >= end) break
        }
        const at = position & (this.bytes - 1)
        const word = Atomics.load(this.#lengths, at / 4) >>> 0
        if (word & BUSY) break
        const length = word & ~(BUSY | DISCARDED)
        position += (length + HEADER + 7) & ~7
        if (!(word & DISCARDED)) take(this.#data, at + HEADER, length)
        if (++records % BATCH === 0) store()
      }
    } finally {
      store()
    }
    return records
  }
}
