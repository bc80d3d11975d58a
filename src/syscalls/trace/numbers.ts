/** Traces of decimal numbers: `pid call` pairs, a pair a line (UNM), and calls of one process (ADFA-LD). */
import type { CallNames } from '../call-names.ts'
import { TraceError } from '../errors.ts'
import { shown, type TraceParser, type TraceSink } from './sink.ts'

const LF = 10
const CR = 13
/** Numbers of more digits are no longer exact, and no pids either. */
const DIGITS = 15
const CALL_MOST = 0xffff_ffff

/** A byte-order mark may stand before the first character. */
export function withoutMark(chunk: Uint8Array): Uint8Array {
  return chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf ? chunk.subarray(3) : chunk
}

/** Lines end in LF, CR LF or CR; numbers are divided by blanks. */
abstract class NumberParser implements TraceParser {
  protected line = 1
  readonly #names: CallNames
  #value = 0
  #digits = 0
  #afterCr = false
  #begun = false

  constructor(names: CallNames) {
    this.#names = names
  }

  push(chunk: Uint8Array): void {
    const bytes = this.#begun ? chunk : withoutMark(chunk)
    this.#begun = true
    let value = this.#value
    let digits = this.#digits
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!
      if (byte >= 48 && byte <= 57) {
        value = value * 10 + byte - 48
        digits++
        continue
      }
      if (digits > 0) {
        if (digits > DIGITS) throw this.tooLarge(value)
        this.number(value)
        value = 0
        digits = 0
        this.#afterCr = false
      }
      if (byte === LF || byte === CR) {
        if (byte === LF && this.#afterCr) {
          this.#afterCr = false
          continue
        }
        this.#afterCr = byte === CR
        this.lineEnd()
        this.line++
        continue
      }
      this.#afterCr = false
      // Tab, vertical tab, form feed, space.
      if (byte !== 32 && byte !== 9 && byte !== 11 && byte !== 12) {
        const rest = Buffer.from(bytes.subarray(i, i + 24)).toString('latin1')
        throw new TraceError(`line ${this.line}: '${shown(rest)}' where a number should be`)
      }
    }
    this.#value = value
    this.#digits = digits
  }

  end(): void {
    if (this.#digits > DIGITS) throw this.tooLarge(this.#value)
    if (this.#digits > 0) this.number(this.#value)
    this.lineEnd(true)
  }

  protected call(number: number): number {
    if (number > CALL_MOST) throw this.tooLarge(number)
    return this.#names.ofNumber(number)
  }

  protected tooLarge(value: number): TraceError {
    return new TraceError(`line ${this.line}: ${value} is too large to be a pid or a call`)
  }

  protected abstract number(value: number): void
  protected abstract lineEnd(last?: boolean): void
}

export class PairsParser extends NumberParser {
  readonly #sink: TraceSink
  #fields = 0
  #pid = 0

  constructor(names: CallNames, sink: TraceSink) {
    super(names)
    this.#sink = sink
  }

  protected override number(value: number): void {
    this.#fields++
    if (this.#fields === 1) this.#pid = value
    else if (this.#fields === 2) this.#sink.call(this.#pid, this.call(value))
    else throw new TraceError(`line ${this.line}: more than the two numbers 'pid call'`)
  }

  protected override lineEnd(last = false): void {
    if (this.#fields === 1)
      throw new TraceError(
        last
          ? `line ${this.line}: ends after a pid without its call: the file was cut short`
          : `line ${this.line}: one number where 'pid call' should be`,
      )
    this.#fields = 0
  }
}

export class NumbersParser extends NumberParser {
  readonly #sink: TraceSink

  constructor(names: CallNames, sink: TraceSink) {
    super(names)
    this.#sink = sink
  }

  protected override number(value: number): void {
    this.#sink.call(0, this.call(value))
  }

  protected override lineEnd(): void {}
}
