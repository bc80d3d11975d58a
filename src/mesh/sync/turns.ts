/**
 * How many syncs go on at once. One after the other, the second finds what the first has brought and asks only for the rest;
 * side by side each would bring it. So one that gets on holds the others up, and one that does not, or takes its time, does
 * not for long: the next begins beside it, and its peer holds nobody up until it has once been quick. Pure: `now` in ms is passed in.
 */
export interface TurnRules {
  /** So many that get on at once. */
  atOnce: number
  /** So many at all. */
  atMost: number
}

interface Turn {
  began: number
  /** When something came or went last. */
  stirred: number
}

const stillMs = 1000
const longMs = 10_000
const slowAtMost = 256

export class Turns {
  readonly #rules: TurnRules
  readonly #turns = new Map<string, Turn>()
  readonly #slow = new Set<string>()

  constructor(rules: TurnRules) {
    this.#rules = rules
  }

  get size(): number {
    return this.#turns.size
  }

  has(peer: string): boolean {
    return this.#turns.has(peer)
  }

  /** May another begin? */
  free(now: number): boolean {
    if (this.#turns.size >= this.#rules.atMost) return false
    let holding = 0
    for (const [peer, turn] of this.#turns) {
      if (now - turn.stirred > stillMs || now - turn.began > longMs) this.#mark(peer)
      if (!this.#slow.has(peer)) holding += 1
    }
    return holding < this.#rules.atOnce
  }

  begin(peer: string, now: number): void {
    this.#turns.set(peer, { began: now, stirred: now })
  }

  stir(peer: string, now: number): void {
    const turn = this.#turns.get(peer)
    if (turn !== undefined) turn.stirred = now
  }

  end(peer: string, now: number): void {
    const turn = this.#turns.get(peer)
    if (turn !== undefined && now - turn.began < stillMs) this.#slow.delete(peer)
    this.#turns.delete(peer)
  }

  #mark(peer: string): void {
    this.#slow.add(peer)
    if (this.#slow.size > slowAtMost) this.#slow.delete(this.#slow.keys().next().value as string)
  }
}
