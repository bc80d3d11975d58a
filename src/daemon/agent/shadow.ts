/**
 * What delays would have done had they been on: `enforcement would have delayed 4 processes for 11 s in the last 7
 * days`. What a process did while it would have been held is not counted: it would not have come to it.
 */
const HOUR_MS = 3_600_000
const HOURS = 7 * 24
/** Processes told apart in an hour. */
const PIDS_LIMIT = 4096
/** pH's limit on the exponent. */
const MAX_EXPONENT = 30

interface Bucket {
  hour: number
  pids: Set<string>
  ms: number
  cut: number
}

export class ShadowDelays {
  readonly #buckets: Bucket[] = []
  /** Until when each process would be held, ms since the epoch. */
  readonly #held = new Map<string, number>()

  /** An anomalous call of a process that nobody delays. */
  saw(pid: number, binary: string, lfc: number, unitMs: number, limitMs: number, now: number): void {
    const hour = Math.floor(now / HOUR_MS)
    let bucket = this.#buckets.at(-1)
    if (!bucket || bucket.hour !== hour) {
      bucket = { hour, pids: new Set(), ms: 0, cut: 0 }
      this.#buckets.push(bucket)
      while ((this.#buckets[0]?.hour ?? hour) <= hour - HOURS) this.#buckets.shift()
    }
    const process = `${pid} ${binary}`
    if (now < (this.#held.get(process) ?? 0)) return
    const ms = Math.min(unitMs * 2 ** Math.min(lfc, MAX_EXPONENT), limitMs)
    bucket.ms += ms
    this.#held.delete(process)
    this.#held.set(process, now + ms)
    // The one that was held first is likeliest to be over.
    for (const oldest of this.#held.keys()) {
      if (this.#held.size <= PIDS_LIMIT) break
      this.#held.delete(oldest)
    }
    if (bucket.pids.size < PIDS_LIMIT) bucket.pids.add(process)
    else bucket.cut++
  }

  /** Of the last seven days, or since this daemon started. */
  total(now: number): { processes: number; ms: number } {
    const first = Math.floor(now / HOUR_MS) - HOURS
    const recent = this.#buckets.filter(({ hour }) => hour > first)
    return {
      processes: new Set(recent.flatMap(({ pids }) => [...pids])).size,
      ms: recent.reduce((sum, { ms }) => sum + ms, 0),
    }
  }
}
