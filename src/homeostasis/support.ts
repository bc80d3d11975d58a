/** For each pair: which process showed it first, and how many did. What a fleet compares hosts by. */
import { CALL_LIMIT } from './pairs.ts'
import { type PairSupport, pairCode } from './record.ts'
import { EMPTY, type EmptyRule, SLOTS } from './types.ts'

const DISTANCES = 8
/** Numbers of a pair: the process that counted it last, the first one, and how many. */
const FIELDS = 3
const COUNT_MOST = 0x7fff_ffff

/** Pairs with one current call. */
interface Row {
  width: number
  numbers: Int32Array
}

/**
 * Counts processes (task images) by pair. Exact where each call is shown; a process that is shown in parts between
 * those of others counts again.
 */
export class SupportCounter {
  readonly #rows = new Map<number, Row>()
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
    const { numbers } = this.#row(current, previous)
    const at = (previous * DISTANCES + distance - 1) * FIELDS
    if (numbers[at] === process) return
    numbers[at] = process
    if (numbers[at + 1] === 0) numbers[at + 1] = process
    numbers[at + 2]!++
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
      const distance = (code % DISTANCES) + 1
      const previous = Math.floor(code / DISTANCES) % CALL_LIMIT
      const current = Math.floor(code / DISTANCES / CALL_LIMIT)
      const { numbers } = this.#row(current, previous)
      const at = (previous * DISTANCES + distance - 1) * FIELDS
      numbers[at + 1] = first
      numbers[at + 2] = seen
      this.#processes = Math.max(this.#processes, first, seen)
    }
  }

  /** By `pairCode`, as a profile record keeps it. */
  support(): Map<number, PairSupport> {
    const support = new Map<number, PairSupport>()
    for (const [current, { width, numbers }] of this.#rows)
      for (let previous = 0; previous < width; previous++)
        for (let distance = 1; distance <= DISTANCES; distance++) {
          const at = (previous * DISTANCES + distance - 1) * FIELDS
          const seen = numbers[at + 2]!
          if (seen > 0)
            support.set(pairCode(current, previous, distance), {
              first: numbers[at + 1]!,
              seen,
              borrowed: false,
            })
        }
    return support
  }

  #row(current: number, previous: number): Row {
    let row = this.#rows.get(current)
    if (row && previous < row.width) return row
    let width = row?.width ?? SLOTS
    while (width <= previous) width *= 2
    const numbers = new Int32Array(width * DISTANCES * FIELDS)
    if (row) numbers.set(row.numbers)
    row = { width, numbers }
    this.#rows.set(current, row)
    return row
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
