import { crc32 } from 'node:zlib'
import type { CallNames } from '../call-names.ts'
import { ABIS } from '../calls.ts'
import type { Abi } from '../types.ts'
import { MAGIC, RECORD } from './recorded.ts'
import type { TraceSink } from './sink.ts'

const BLOCK = 64 * 1024

/** Writes a lymph trace (recorded.ts): blocks of at most 64 KiB and a record go to `write`. */
export class TraceRecorder implements TraceSink {
  calls = 0
  readonly #names: CallNames
  readonly #write: (block: Uint8Array) => void
  #block = Buffer.allocUnsafe(BLOCK * 2)
  #used = 0
  #crc = 0
  #task = 0
  readonly #named = new Set<number>()

  constructor(names: CallNames, write: (block: Uint8Array) => void) {
    this.#names = names
    this.#write = write
    this.#text(`${MAGIC}${JSON.stringify({ abi: names.abi })}\n`)
  }

  call(task: number, call: number): void {
    this.#as(task)
    if (call >= 512 && !this.#named.has(call)) {
      this.#named.add(call)
      const name = Buffer.from(this.#names.nameOf(call))
      this.#record(RECORD.name, name.length)
      this.#used = this.#block.writeUInt16LE(call, this.#used)
      this.#used += name.copy(this.#block, this.#used)
    }
    this.#record(RECORD.call, call)
    this.calls++
  }

  exec(task: number, binary: string): void {
    this.#as(task)
    const path = Buffer.from(binary).subarray(0, 4096)
    this.#record(RECORD.exec, path.length)
    this.#used += path.copy(this.#block, this.#used)
  }

  fork(task: number, parent: number): void {
    this.#as(task)
    this.#record(RECORD.fork, parent)
  }

  exit(task: number): void {
    this.#as(task)
    this.#record(RECORD.exit, 0)
  }

  foreign(task: number, abi: Abi): void {
    this.#as(task)
    this.#record(RECORD.foreign, ABIS.indexOf(abi))
  }

  /** Writes the end record and what is left. */
  end(): void {
    this.#flush()
    const crc = this.#crc
    this.#record(RECORD.end, this.calls)
    this.#used = this.#block.writeUInt32LE(crc, this.#used)
    this.#flush()
  }

  #as(task: number): void {
    if (task === this.#task) return
    this.#task = task
    this.#record(RECORD.task, task)
  }

  #record(kind: number, value: number): void {
    if (this.#used > BLOCK) this.#flush()
    let rest = value * 8 + kind
    while (rest >= 128) {
      this.#block[this.#used++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    this.#block[this.#used++] = rest
  }

  #text(text: string): void {
    this.#used += this.#block.write(text, this.#used)
  }

  #flush(): void {
    const block = Buffer.from(this.#block.subarray(0, this.#used))
    this.#crc = crc32(block, this.#crc)
    this.#used = 0
    if (block.length > 0) this.#write(block)
  }
}
