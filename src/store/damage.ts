import type { Log } from './ladder.ts'

/** Names reported one by one; further ones are only counted. */
const reportedLimit = 1000

/** Damaged single records: each is reported once, and counted by kind. */
export class DamageReport {
  readonly #log: Log
  readonly #reported = new Set<string>()
  readonly #counts = new Map<string, number>()

  constructor(log: Log) {
    this.#log = log
  }

  add(kind: string, name: string, reason: string): void {
    const id = `${kind}!${name}`
    if (this.#reported.has(id)) return
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1)
    if (this.#reported.size >= reportedLimit) return
    this.#reported.add(id)
    this.#log(
      'warn',
      `store: damaged record left out: ${kind} ${JSON.stringify(name.slice(0, 200))}: ${reason}`,
    )
  }

  counts(): Record<string, number> {
    return Object.fromEntries(this.#counts)
  }
}
