/**
 * sysdig-like records (LID-DS), `time | latency | pid | > or < | call | arguments | n`. Only entries (`>`) count.
 * They come newest first, so all are held, 6 bytes each, before the first can be told; at most 32 million.
 */
import type { CallNames } from '../call-names.ts'
import { TraceError } from '../errors.ts'
import { LineParser } from './lines.ts'
import { shown, type TraceSink } from './sink.ts'

const RECORD = /^(\d+) \| (\d+) \| (\d+) \| ([<>]) \| ([\w<>]+) \|/
const RECORDS_MOST = 32_000_000

export class SysdigParser extends LineParser {
  readonly #names: CallNames
  readonly #sink: TraceSink
  #pids = new Uint32Array(4096)
  #calls = new Uint16Array(4096)
  #count = 0
  #first: bigint | undefined
  #last = 0n

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
    this.#last = BigInt(record[1]!)
    this.#first ??= this.#last
    if (record[4] !== '>') return
    if (this.#count === RECORDS_MOST)
      throw new TraceError(
        `line ${this.at}: more than ${RECORDS_MOST} calls, newest first, cannot be held: split the file`,
      )
    if (this.#count === this.#pids.length) {
      const pids = new Uint32Array(this.#count * 2)
      pids.set(this.#pids)
      this.#pids = pids
      const calls = new Uint16Array(this.#count * 2)
      calls.set(this.#calls)
      this.#calls = calls
    }
    this.#pids[this.#count] = Number(record[3])
    this.#calls[this.#count++] = this.#names.ofName(record[5]!.replaceAll(/[<>]/g, ''))
  }

  protected override finish(): void {
    const newestFirst = this.#first !== undefined && this.#first > this.#last
    for (let i = 0; i < this.#count; i++) {
      const at = newestFirst ? this.#count - 1 - i : i
      this.#sink.call(this.#pids[at]!, this.#calls[at]!)
    }
  }
}
