/** Token buckets by name, at most `names` of them: the one longest untouched gives way, being full by then, or nearly. Pure. */
export interface QuotaRules {
  perMinute: number
  burst: number
  names: number
}

export class Quota {
  readonly #rules: QuotaRules
  readonly #buckets = new Map<string, { tokens: number; at: number }>()

  constructor(rules: QuotaRules) {
    this.#rules = rules
  }

  /** Takes `count` tokens, or none where there are fewer: then it is false. */
  take(name: string, now: number, count = 1): boolean {
    const tokens = this.#level(name, now)
    if (tokens < count) return false
    this.#keep(name, tokens - count, now)
    return true
  }

  /** Gives one back. */
  give(name: string, now: number): void {
    if (this.#buckets.has(name))
      this.#keep(name, Math.min(this.#rules.burst, this.#level(name, now) + 1), now)
  }

  get size(): number {
    return this.#buckets.size
  }

  #level(name: string, now: number): number {
    const { perMinute, burst } = this.#rules
    const bucket = this.#buckets.get(name)
    if (bucket === undefined) return burst
    return Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.at) * perMinute) / 60_000)
  }

  #keep(name: string, tokens: number, now: number): void {
    this.#buckets.delete(name)
    this.#buckets.set(name, { tokens, at: now })
    if (this.#buckets.size > this.#rules.names)
      this.#buckets.delete(this.#buckets.keys().next().value as string)
  }
}
