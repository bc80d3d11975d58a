/** Traces of names divided by blanks or lines, one process a file (FHIDS). */
import type { CallNames } from '../call-names.ts'
import { TraceError } from '../errors.ts'
import { withoutMark } from './numbers.ts'
import { shown, type TraceParser, type TraceSink } from './sink.ts'

/** Collectors glue names together now and then (`exit_groupexecve`), so this is longer than any name. */
const NAME_MOST = 256

/** 1: part of a name, 2: blank, 3: end of line, 0: neither. */
const kinds = new Uint8Array(256)
for (const byte of Buffer.from('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.'))
  kinds[byte] = 1
for (const byte of [9, 11, 12, 32]) kinds[byte] = 2
for (const byte of [10, 13]) kinds[byte] = 3

export class NamesParser implements TraceParser {
  readonly #names: CallNames
  readonly #sink: TraceSink
  #line = 1
  #rest = ''
  #begun = false
  #last = 0

  constructor(names: CallNames, sink: TraceSink) {
    this.#names = names
    this.#sink = sink
  }

  push(chunk: Uint8Array): void {
    const cut = this.#begun ? chunk : withoutMark(chunk)
    this.#begun = true
    const bytes = Buffer.from(cut.buffer, cut.byteOffset, cut.byteLength)
    let begin = 0
    for (let i = 0; i < bytes.length; i++) {
      const kind = kinds[bytes[i]!]!
      if (kind === 1) continue
      if (kind === 0) {
        const rest = bytes.toString('latin1', i, i + 24)
        throw new TraceError(`line ${this.#line}: '${shown(rest)}' where the name of a call should be`)
      }
      if (i > begin || this.#rest !== '') this.#name(this.#rest + bytes.toString('latin1', begin, i))
      begin = i + 1
      // The second half of CR LF ends no line of its own.
      const before = i > 0 ? bytes[i - 1] : this.#last
      if (kind === 3 && !(bytes[i] === 10 && before === 13)) this.#line++
    }
    this.#rest += bytes.toString('latin1', begin, bytes.length)
    if (this.#rest.length > NAME_MOST) this.#name(this.#rest)
    this.#last = bytes.at(-1) ?? this.#last
  }

  end(): void {
    if (this.#rest !== '') this.#name(this.#rest)
  }

  #name(name: string): void {
    this.#rest = ''
    if (name.length > NAME_MOST || (name[0]! >= '0' && name[0]! <= '9'))
      throw new TraceError(`line ${this.#line}: '${shown(name)}' where the name of a call should be`)
    this.#sink.call(0, this.#names.ofName(name))
  }
}
