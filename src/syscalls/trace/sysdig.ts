/**
 * sysdig-like records (LID-DS), `time | latency | pid | > or < | call | arguments | n`. Only entries (`>`) count.
 * They come newest first, or in blocks that do, so all are held, 18 bytes each, and sorted by time before the first can
 * be told; at most 16 million.
 */
import type { CallNames } from '../call-names.ts'
import { TraceError } from '../errors.ts'
import { LineParser } from './lines.ts'
import { shown, type TraceSink } from './sink.ts'

const RECORD = /^(\d+) \| (\d+) \| (\d+) \| ([<>]) \| ([\w<>]+) \|/
const RECORDS_MOST = 16_000_000

export class SysdigParser extends LineParser {
  readonly #names: CallNames
  readonly #sink: TraceSink
  #pids = new Uint32Array(4096)
  #calls = new Uint16Array(4096)
  /** ns since the first record: exact over months. */
  #times = new Float64Array(4096)
  #count = 0
  #first: bigint | undefined
  #before = 0
  /** Records that are newer than the one before them, less those that are older. */
  #ascent = 0

  constructor(names: CallNames, sink: TraceSink) {
    super()
    this.#names = names
    this.#sink = sink
  }

  protected override line(text: string, whole: boolean): void {
    if (text.trim() === '') return
    const record = RECORD.exec(text)
    // The number at the end shows that a record is whole.
    if (!record || (!whole && !/\| \d+\s*$/.test(text)))
      throw new TraceError(
        whole
          ? `line ${this.at}: no record 'time | latency | pid | > | call | arguments | n': '${shown(text)}'`
          : `line ${this.at}: ends in the middle: the file was cut short`,
      )
    const time = BigInt(record[1]!)
    this.#first ??= time
    const since = Number(time - this.#first)
    this.#ascent += Math.sign(since - this.#before)
    this.#before = since
    if (record[4] !== '>') return
    if (this.#count === RECORDS_MOST)
      throw new TraceError(
        `line ${this.at}: more than ${RECORDS_MOST} calls, not in the order of time, cannot be held: split the file`,
      )
    if (this.#count === this.#pids.length) this.#grow()
    this.#times[this.#count] = since
    this.#pids[this.#count] = Number(record[3])
    this.#calls[this.#count++] = this.#names.ofName(record[5]!.replaceAll(/[<>]/g, ''))
  }

  protected override finish(): void {
    const order = new Uint32Array(this.#count)
    const last = this.#count - 1
    // What has one time keeps the file's order, or the reverse of it.
    const newestFirst = this.#ascent < 0
    for (let i = 0; i < order.length; i++) order[i] = newestFirst ? last - i : i
    const times = this.#times
    order.sort((a, b) => times[a]! - times[b]! || (newestFirst ? b - a : a - b))
    for (const at of order) this.#sink.call(this.#pids[at]!, this.#calls[at]!)
  }

  #grow(): void {
    const pids = new Uint32Array(this.#count * 2)
    const calls = new Uint16Array(this.#count * 2)
    const times = new Float64Array(this.#count * 2)
    pids.set(this.#pids)
    calls.set(this.#calls)
    times.set(this.#times)
    this.#pids = pids
    this.#calls = calls
    this.#times = times
  }
}
