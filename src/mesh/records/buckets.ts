/** Token buckets per (author, kind). Pure: `now` in ms is passed in. */

import { limits, rates } from '../limits.ts'
import type { StatementKind } from './envelope.ts'

export class Buckets {
  readonly #buckets = new Map<string, { tokens: number; at: number }>()

  /** Is there a token? Only looks. */
  allows(author: string, kind: StatementKind, now: number): boolean {
    return this.#level(author, kind, now) >= 1
  }

  take(author: string, kind: StatementKind, now: number): void {
    const tokens = this.#level(author, kind, now) - 1
    const id = `${kind}/${author}`
    this.#buckets.delete(id)
    this.#buckets.set(id, { tokens, at: now })
    // One bucket a member and kind at most; the one longest untouched is full by now, or nearly, and is made anew when needed.
    if (this.#buckets.size > limits.members * 5)
      this.#buckets.delete(this.#buckets.keys().next().value as string)
  }

  #level(author: string, kind: StatementKind, now: number): number {
    const { perMinute, burst } = rates[kind]
    const bucket = this.#buckets.get(`${kind}/${author}`)
    if (bucket === undefined) return burst
    return Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.at) * perMinute) / 60_000)
  }

  get size(): number {
    return this.#buckets.size
  }
}
