import type { FleetError } from './errors.ts'

/** Members counted apart; those beyond share one line. A mesh has 4,096 at most. */
const membersLimit = 4096
const others = '(others)'

/** What was refused, by member and reason, to be shown beside the member's name. */
export class Refusals {
  readonly #counts = new Map<string, Map<string, number>>()

  add(error: Pick<FleetError, 'peer' | 'reason'>): void {
    const known = this.#counts.has(error.peer) || this.#counts.size < membersLimit
    const peer = known ? error.peer : others
    const reasons = this.#counts.get(peer) ?? new Map<string, number>()
    this.#counts.set(peer, reasons.set(error.reason, (reasons.get(error.reason) ?? 0) + 1))
  }

  of(peer: string): Record<string, number> {
    return Object.fromEntries(this.#counts.get(peer) ?? [])
  }

  all(): Record<string, Record<string, number>> {
    return Object.fromEntries([...this.#counts].map(([peer, reasons]) => [peer, Object.fromEntries(reasons)]))
  }
}
