/** Counters remembered at most; the one that came first is forgotten first. */
const limit = 8192
const word = 2 ** 32

interface Mark {
  value: number
  monotonicMs: number
}

/**
 * Counters to rates: growth per second since the reading before. The first reading has no rate. A counter that fell
 * wrapped at 32 bits if it was in the last quarter of them and is in the first; else it was reset, and begins anew.
 */
export class Rates {
  readonly #marks = new Map<string, Mark>()

  /** Growth of the counter since its reading before; undefined at the first and after a reset. */
  growth(key: string, value: number, monotonicMs: number): number | undefined {
    return this.#advance(key, value, monotonicMs)?.growth
  }

  /** Growth per second; undefined at the first reading, after a reset, and when no time has gone by. */
  perSecond(key: string, value: number, monotonicMs: number): number | undefined {
    const step = this.#advance(key, value, monotonicMs)
    return step && step.seconds > 0 ? step.growth / step.seconds : undefined
  }

  /** The rate of a sum whose parts (disks, files) come and go: those that have a rate count. */
  sumPerSecond(
    parts: Iterable<readonly [key: string, value: number]>,
    monotonicMs: number,
  ): number | undefined {
    let sum: number | undefined
    for (const [key, value] of parts) {
      const rate = this.perSecond(key, value, monotonicMs)
      if (rate !== undefined) sum = (sum ?? 0) + rate
    }
    return sum
  }

  #advance(key: string, value: number, monotonicMs: number): { growth: number; seconds: number } | undefined {
    const before = this.#marks.get(key)
    if (before) {
      const { value: last, monotonicMs: then } = before
      before.value = value
      before.monotonicMs = monotonicMs
      const seconds = (monotonicMs - then) / 1000
      if (value >= last) return { growth: value - last, seconds }
      const wrapped = last < word && last >= word * 0.75 && value < word * 0.25
      return wrapped ? { growth: value + word - last, seconds } : undefined
    }
    if (this.#marks.size >= limit) this.#marks.delete(this.#marks.keys().next().value as string)
    this.#marks.set(key, { value, monotonicMs })
    return undefined
  }
}
