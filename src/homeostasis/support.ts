/** For each pair: which process showed it first, and how many did. What a fleet compares hosts by. */
import { pairCode } from './pairs.ts'
import { EMPTY, type EmptyRule } from './types.ts'

/** What is known of one pair beside that it was seen: what a fleet compares hosts by. */
export interface PairSupport {
  /** Ordinal (1, 2, ...) of the process that first showed it. Kept to within 5 %. */
  first: number
  /** How many processes showed it. Kept to within 5 %. */
  seen: number
  /** It was accepted on other hosts' word and not yet seen here. */
  borrowed: boolean
}

/** Numbers of a pair: its code + 1 (0: free), the process that counted it last, the first one, and how many. */
const FIELDS = 4
const COUNT_MOST = 0x7fff_ffff
const FIRST_PLACES = 256
/** Pairs at most, 8 MB; ADFA-LD's programs together have 30,000. Beyond it a pair has no support. */
const PAIRS_LIMIT = 1 << 18

/**
 * Counts processes (task images) by pair. Exact where each call is shown; a process that is shown in parts between
 * those of others counts again.
 */
export class SupportCounter {
  #numbers = new Int32Array(FIRST_PLACES * FIELDS)
  #pairs = 0
  #processes = 0

  /** Processes that there were. */
  get processes(): number {
    return this.#processes
  }

  /** The number of a process that begins: 1, 2, ... */
  begin(): number {
    this.#processes = Math.min(COUNT_MOST, this.#processes + 1)
    return this.#processes
  }

  /** `process` made a call after these, nearest first; EMPTY where there was none. */
  window(
    process: number,
    current: number,
    previous: ArrayLike<number>,
    window: number,
    empty: EmptyRule,
  ): void {
    for (let distance = 1; distance < window; distance++) {
      const call = previous[distance - 1]!
      if (call !== EMPTY || empty === 'symbol') this.#note(process, current, call, distance)
    }
  }

  #note(process: number, current: number, previous: number, distance: number): void {
    const at = this.#place(pairCode(current, previous, distance))
    if (at < 0) return
    const numbers = this.#numbers
    if (numbers[at + 1] === process) return
    numbers[at + 1] = process
    if (numbers[at + 2] === 0) numbers[at + 2] = process
    numbers[at + 3]!++
  }

  /** `process` made these calls in a row; `window` of them are one window. */
  run(process: number, calls: Uint16Array, window: number): void {
    for (let at = 1; at < calls.length; at++)
      for (let distance = Math.min(at, window - 1); distance > 0; distance--)
        this.#note(process, calls[at]!, calls[at - distance]!, distance)
  }

  /** `process` began with these calls: the pairs of each with the empty window before them. */
  start(process: number, head: Uint16Array, window: number): void {
    for (let at = 0; at < Math.min(head.length, window - 1); at++)
      for (let distance = at + 1; distance < window; distance++)
        this.#note(process, head[at]!, EMPTY, distance)
  }

  /** Takes up what was counted before. */
  restore(support: ReadonlyMap<number, PairSupport>, processes = 0): void {
    this.#processes = processes
    for (const [code, { first, seen }] of support) {
      const at = this.#place(code)
      if (at < 0) return
      this.#numbers[at + 2] = first
      this.#numbers[at + 3] = seen
      this.#processes = Math.max(this.#processes, first, seen)
    }
  }

  /** By `pairCode`, as a profile record keeps it. */
  support(): Map<number, PairSupport> {
    const support = new Map<number, PairSupport>()
    const numbers = this.#numbers
    for (let at = 0; at < numbers.length; at += FIELDS)
      if (numbers[at] !== 0)
        support.set(numbers[at]! - 1, { first: numbers[at + 2]!, seen: numbers[at + 3]!, borrowed: false })
    return support
  }

  /** Where the numbers of a pair are; new ones are made. Below 0: there is no room. */
  #place(code: number): number {
    const key = code + 1
    const mask = this.#numbers.length / FIELDS - 1
    const hash = Math.imul(key, 0x9e3779b1)
    for (let place = (hash ^ (hash >>> 15)) & mask; ; place = (place + 1) & mask) {
      const at = place * FIELDS
      if (this.#numbers[at] === key) return at
      if (this.#numbers[at] !== 0) continue
      if (this.#pairs >= PAIRS_LIMIT) return -1
      if (2 * (this.#pairs + 1) > mask) {
        this.#grow()
        return this.#place(code)
      }
      this.#pairs++
      this.#numbers[at] = key
      return at
    }
  }

  #grow(): void {
    const before = this.#numbers
    this.#numbers = new Int32Array(before.length * 2)
    this.#pairs = 0
    for (let from = 0; from < before.length; from += FIELDS) {
      if (before[from] === 0) continue
      const at = this.#place(before[from]! - 1)
      this.#numbers.set(before.subarray(from, from + FIELDS), at)
    }
  }
}

/** Support of what was learned later, put after what was learned before. */
export function addSupport(
  before: ReadonlyMap<number, PairSupport> = new Map(),
  later: ReadonlyMap<number, PairSupport> = new Map(),
): Map<number, PairSupport> {
  let processes = 0
  for (const { first, seen } of before.values()) processes = Math.max(processes, first, seen)
  const sum = new Map(before)
  for (const [code, { first, seen }] of later) {
    const known = before.get(code)
    // Borrowed: known by word alone until now.
    if (known && !known.borrowed) sum.set(code, { ...known, seen: known.seen + seen })
    else sum.set(code, { first: processes + first, seen, borrowed: false })
  }
  return sum
}
