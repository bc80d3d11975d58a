/**
 * The statements that stand: last writer wins, keyed by (author, kind, key), ordered by (epoch, seq), which their author
 * alone sets. Merging commutes and repeats do nothing, so in whatever order statements arrive the state is the same.
 * A clear stays as a tombstone until nothing it cleared could come back.
 */

import { limits } from '../limits.ts'
import { compare } from './codec.ts'
import { type Statement, sameStatement } from './envelope.ts'

export interface Held {
  statement: Statement
  received: number
}

export type Change = 'raised' | 'refreshed' | 'cleared' | 'none' | 'superseded' | 'duplicate' | 'capped'

/** Does `a` come after `b` in its author's order? Of two under one number the one with the lower hash, on every host the same. */
export const later = (a: Statement, b: Statement): boolean => {
  if (a.epoch !== b.epoch) return a.epoch > b.epoch
  if (a.seq !== b.seq) return a.seq > b.seq
  return compare(a.hash, b.hash) < 0
}

export const slot = (s: { kind: string; key: string }): string => `${s.kind}/${s.key}`

interface Author {
  held: Map<string, Held>
  /** XOR of the hashes of what is held: equal sets have equal prints, in whatever order they came. */
  print: Uint8Array
}

const printBytes = 16

export class LiveState {
  readonly #authors = new Map<string, Author>()
  readonly #perAuthor: number
  readonly #inAll: number
  #size = 0
  #nextExpiry = Number.POSITIVE_INFINITY
  #capped = 0

  constructor(perAuthor: number = limits.recordsPerAuthor, inAll: number = limits.recordsInAll) {
    this.#perAuthor = perAuthor
    this.#inAll = inAll
  }

  get gauges(): { records: number; authors: number; capped: number } {
    return { records: this.#size, authors: this.#authors.size, capped: this.#capped }
  }

  get(author: string, place: string): Held | undefined {
    return this.#authors.get(author)?.held.get(place)
  }

  /** What `merge` would do, without doing it. */
  weigh(statement: Statement): Change {
    const held = this.get(statement.author, slot(statement))?.statement
    if (held !== undefined) {
      if (sameStatement(held, statement)) return 'duplicate'
      if (!later(statement, held)) return 'superseded'
    }
    const stood = held !== undefined && held.op !== 'clear'
    if (statement.op === 'clear') return stood ? 'cleared' : 'none'
    return stood ? 'refreshed' : 'raised'
  }

  /** Takes the statement in. `evicted` lists what had to give way: the author's lowest number, or the largest author's. */
  merge(statement: Statement, received: number): { change: Change; evicted: Statement[] } {
    const change = this.weigh(statement)
    if (change === 'duplicate' || change === 'superseded') return { change, evicted: [] }
    let author = this.#authors.get(statement.author)
    author ??= { held: new Map(), print: new Uint8Array(printBytes) }
    const old = author.held.get(slot(statement))
    if (old !== undefined) this.#remove(author, old.statement)
    author.held.set(slot(statement), { statement, received })
    this.#authors.set(statement.author, author)
    xor(author.print, statement.hash)
    this.#size += 1
    this.#nextExpiry = Math.min(this.#nextExpiry, statement.expires)
    const evicted: Statement[] = []
    if (author.held.size > this.#perAuthor) evicted.push(this.#evict(author))
    else if (this.#size > this.#inAll) evicted.push(this.#evict(this.#largest()))
    if (evicted.includes(statement)) return { change: 'capped', evicted }
    return { change, evicted }
  }

  /** What stands under the same number and says something else: its author has signed both. */
  rival(statement: Statement): Statement | undefined {
    for (const held of this.#authors.get(statement.author)?.held.values() ?? []) {
      const { epoch, seq } = held.statement
      if (epoch === statement.epoch && seq === statement.seq && !sameStatement(held.statement, statement))
        return held.statement
    }
    return undefined
  }

  /** Takes one statement out. False where it does not stand any more. */
  drop(statement: Statement): boolean {
    const author = this.#authors.get(statement.author)
    const held = author?.held.get(slot(statement))?.statement
    if (author === undefined || held === undefined || !sameStatement(held, statement)) return false
    this.#remove(author, held)
    return true
  }

  /** Takes out what has run out; returns it. */
  sweep(now: number): Held[] {
    if (now < this.#nextExpiry) return []
    const out: Held[] = []
    let next = Number.POSITIVE_INFINITY
    for (const author of this.#authors.values())
      for (const held of author.held.values())
        if (held.statement.expires <= now) {
          this.#remove(author, held.statement)
          out.push(held)
        } else next = Math.min(next, held.statement.expires)
    this.#nextExpiry = next
    return out
  }

  *all(): Generator<Held> {
    for (const author of this.#authors.values()) yield* author.held.values()
  }

  *of(author: string): Generator<Held> {
    yield* this.#authors.get(author)?.held.values() ?? []
  }

  print(author: string): Uint8Array {
    return this.#authors.get(author)?.print ?? new Uint8Array(printBytes)
  }

  #remove(author: Author, statement: Statement): void {
    author.held.delete(slot(statement))
    xor(author.print, statement.hash)
    this.#size -= 1
    if (author.held.size === 0) this.#authors.delete(statement.author)
  }

  #evict(author: Author): Statement {
    let lowest: Statement | undefined
    for (const { statement } of author.held.values())
      if (lowest === undefined || later(lowest, statement)) lowest = statement
    this.#remove(author, lowest as Statement)
    this.#capped += 1
    return lowest as Statement
  }

  #largest(): Author {
    let largest: Author | undefined
    for (const author of this.#authors.values())
      if (largest === undefined || author.held.size > largest.held.size) largest = author
    return largest as Author
  }
}

/** The second half of the hash; the first stands in windows and manifests. */
function xor(print: Uint8Array, hash: Uint8Array): void {
  for (let i = 0; i < printBytes; i++) print[i] = (print[i] as number) ^ (hash[printBytes + i] as number)
}
