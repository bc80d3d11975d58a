/** The tasks of a trace cut into units, which is what is judged: from exec, fork or 16,384 calls to the next. */
import { type ExecEdge, UNIT_CALLS } from '#homeostasis'
import type { TaskWork } from './tasks.ts'

const FIRST_CALLS = 64

/** A unit that ended. Its calls are the caller's to keep. */
export interface Unit {
  calls: Uint16Array
  /** What it started at its end, where the trace says so. */
  edges: ExecEdge[]
}

/** Calls of the unit that a task is in. */
class UnitCalls {
  #calls = new Uint16Array(FIRST_CALLS)
  #used = 0

  end(): Uint16Array {
    const calls = this.#calls.slice(0, this.#used)
    this.#used = 0
    return calls
  }

  /** Adds calls; gives back the units that became full. */
  *add(calls: Uint16Array, count: number): Generator<Uint16Array> {
    for (let at = 0; at < count; ) {
      const most = Math.min(count - at, UNIT_CALLS - this.#used)
      if (this.#used + most > this.#calls.length) {
        const larger = new Uint16Array(Math.min(UNIT_CALLS, (this.#used + most) * 2))
        larger.set(this.#calls.subarray(0, this.#used))
        this.#calls = larger
      }
      this.#calls.set(calls.subarray(at, at + most), this.#used)
      this.#used += most
      at += most
      if (this.#used === UNIT_CALLS) yield this.end()
    }
  }
}

interface WithUnit<Work> {
  inner: Work
  calls: UnitCalls
}

/**
 * The same work, and `ended` is told each unit of at least one call when it ends, with the work of its task. A unit
 * begins with nothing: unlike the window of the pairs, it takes over no calls of the one that forked it.
 */
export function withUnits<Work>(
  work: TaskWork<Work>,
  ended: (unit: Unit, inner: Work) => void,
): TaskWork<WithUnit<Work>> {
  const close = ({ inner, calls }: WithUnit<Work>, edges: ExecEdge[]) => {
    const held = calls.end()
    if (held.length > 0) ended({ calls: held, edges }, inner)
  }
  return {
    begin: (task) => ({ inner: work.begin(task), calls: new UnitCalls() }),
    fork: (parent, task) => ({ inner: work.fork(parent.inner, task), calls: new UnitCalls() }),
    exec: (held, from, started) => {
      close(held, from === '' ? [] : [{ parent: from, started }])
      work.exec(held.inner, from, started)
    },
    calls: (held, calls, count) => {
      work.calls(held.inner, calls, count)
      for (const full of held.calls.add(calls, count)) ended({ calls: full, edges: [] }, held.inner)
    },
    end: (held) => {
      close(held, [])
      work.end(held.inner)
    },
  }
}
