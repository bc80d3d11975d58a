/** How long an incident waits to be shown again, in ms. */
export const RECURRENCE_AGE = 7 * 24 * 3_600_000
const WAITING_MOST = 1024
const PER_PROGRAM = 64

/** An unfamiliar incident that nobody was paged for yet. */
interface Held<Incident> {
  incident: Incident
  program: string
  codes: ReadonlySet<number>
  since: number
}

/**
 * Paging on recurrence: an unfamiliar incident stands in the list at once, and somebody is paged when a later process
 * shows one of its unfamiliar pairs again within 7 days and the fleet, asked again, still does not know them. An honest
 * oddity (a retry, an interrupted wait) mostly comes once; an exploit is used again. Severe ones should not wait.
 */
export class Recurrence<Incident> {
  readonly #held = new Map<Incident, Held<Incident>>()
  #dropped = 0

  /**
   * Waits for an incident's pairs.
   * @returns incidents that give way (64 a program, 1,024 in all, the oldest first): page for them now, errs towards alarm
   */
  hold(incident: Incident, program: string, codes: Iterable<number>, now: number): Incident[] {
    this.#held.delete(incident)
    this.#held.set(incident, { incident, program, codes: new Set(codes), since: now })
    const out: Incident[] = []
    const same = [...this.#held.values()].filter((one) => one.program === program)
    if (same.length > PER_PROGRAM) out.push(same[0]!.incident)
    else if (this.#held.size > WAITING_MOST) out.push([...this.#held.keys()][0]!)
    for (const one of out) {
      this.#held.delete(one)
      this.#dropped++
    }
    return out
  }

  /**
   * A later process of the program.
   * @returns incidents it shows a pair of: ask about `codes` once more, and page unless they are familiar now
   */
  shown(
    program: string,
    codes: Iterable<number>,
    now: number,
  ): { incident: Incident; codes: readonly number[] }[] {
    const candidates = [...this.#held.values()].filter((one) => one.program === program && now > one.since)
    if (candidates.length === 0) return []
    const process = new Set(codes)
    const found: { incident: Incident; codes: readonly number[] }[] = []
    for (const held of candidates) {
      if (now - held.since > RECURRENCE_AGE) this.#held.delete(held.incident)
      else if ([...held.codes].some((code) => process.has(code))) {
        this.#held.delete(held.incident)
        found.push({ incident: held.incident, codes: [...held.codes] })
      }
    }
    return found
  }

  /** It was resolved, or paged for otherwise. */
  release(incident: Incident): void {
    this.#held.delete(incident)
  }

  /** @returns incidents that were not shown again in time */
  expire(now: number): Incident[] {
    const over = [...this.#held.values()]
      .filter(({ since }) => now - since > RECURRENCE_AGE)
      .map(({ incident }) => incident)
    for (const incident of over) this.#held.delete(incident)
    return over
  }

  /** Those that wait. */
  waiting(): Incident[] {
    return [...this.#held.keys()]
  }

  gauge(): { waiting: number; limit: number; dropped: number } {
    return { waiting: this.#held.size, limit: WAITING_MOST, dropped: this.#dropped }
  }
}
