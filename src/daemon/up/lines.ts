/** Lines of a stream that is not trusted: none is kept beyond a length, and no more are passed on than a person can read. */
import type { Readable } from 'node:stream'

/** Takes text in pieces and gives lines, none longer than `limit` characters: the rest of a longer one is dropped. */
export class LineSplitter {
  readonly #limit: number
  readonly #onLine: (line: string) => void
  #rest = ''
  #dropped = 0

  constructor(limit: number, onLine: (line: string) => void) {
    this.#limit = limit
    this.#onLine = onLine
  }

  take(text: string): void {
    let at = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', at)) {
      this.#add(text.slice(at, end))
      this.#flush()
      at = end + 1
    }
    this.#add(text.slice(at))
  }

  /** The stream is at its end: what stands without a line end is a line too. */
  end(): void {
    if (this.#rest !== '') this.#flush()
  }

  #add(text: string): void {
    const room = this.#limit - this.#rest.length
    this.#rest += text.slice(0, room)
    this.#dropped += Math.max(0, text.length - room)
  }

  #flush(): void {
    const line = this.#rest.endsWith('\r') ? this.#rest.slice(0, -1) : this.#rest
    const cut = this.#dropped
    this.#rest = ''
    this.#dropped = 0
    this.#onLine(cut > 0 ? `${line} (and ${cut} characters more)` : line)
  }
}

/** @param limit the longest line, in characters */
export function eachLine(stream: Readable, limit: number, onLine: (line: string) => void): void {
  const splitter = new LineSplitter(limit, onLine)
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => splitter.take(text))
  stream.on('end', () => splitter.end())
  // The writer's death is seen by its exit.
  stream.on('error', () => {})
}

/**
 * Passes on at most `perSecond` lines in a second; the rest are counted, and the count is told with the first line
 * after. What matters more than its number must not go through here.
 */
export function throttled(
  perSecond: number,
  say: (line: string) => void,
  now: () => number = Date.now,
): (line: string) => void {
  let second = 0
  let said = 0
  let held = 0
  return (line) => {
    const at = Math.floor(now() / 1000)
    if (at !== second) {
      if (held > 0) say(`${held} lines more than ${perSecond} in one second were left out`)
      second = at
      said = 0
      held = 0
    }
    if (++said > perSecond) held++
    else say(line)
  }
}
