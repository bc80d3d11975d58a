import { TraceError } from '../errors.ts'
import { withoutMark } from './numbers.ts'
import type { TraceParser } from './sink.ts'

const LINE_MOST = 16 * 1024 * 1024

/** Cuts text into lines (LF, CR LF); memory is bounded by the longest line, 16 MiB at most. */
export abstract class LineParser implements TraceParser {
  /** Number of the line that is being read, from 1. */
  protected at = 0
  #rest: Buffer[] = []
  #held = 0

  push(chunk: Uint8Array): void {
    const cut = this.at === 0 && this.#held === 0 ? withoutMark(chunk) : chunk
    const bytes = Buffer.from(cut.buffer, cut.byteOffset, cut.byteLength)
    let begin = 0
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, begin)) {
      const part = bytes.toString('latin1', begin, end)
      this.#take(this.#held > 0 ? this.#joined() + part : part, true)
      begin = end + 1
    }
    if (begin < bytes.length) {
      // A copy: the stream may use the buffer again.
      this.#rest.push(Buffer.from(bytes.subarray(begin)))
      this.#held += bytes.length - begin
      if (this.#held > LINE_MOST) throw new TraceError(`line ${this.at + 1}: longer than ${LINE_MOST} bytes`)
    }
  }

  end(): void {
    if (this.#held > 0) this.#take(this.#joined(), false)
    this.finish()
  }

  #joined(): string {
    const text = Buffer.concat(this.#rest).toString('latin1')
    this.#rest = []
    this.#held = 0
    return text
  }

  #take(text: string, whole: boolean): void {
    this.at++
    this.line(text.endsWith('\r') ? text.slice(0, -1) : text, whole)
  }

  /** One line without its end; `whole` is false for a last line that has none. */
  protected abstract line(text: string, whole: boolean): void
  protected abstract finish(): void
}
