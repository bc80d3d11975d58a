/** So many things at once; the others wait in line, first come, first served. Each waits once at most. */
export class Slots {
  readonly #most: number
  readonly #waiting = new Set<() => void>()
  #taken = 0

  constructor(most: number) {
    this.#most = most
  }

  /** Calls `start` now or later; it must call `leave` once when it is done. */
  enter(start: () => void): void {
    if (this.#taken >= this.#most) this.#waiting.add(start)
    else {
      this.#taken++
      start()
    }
  }

  leave(): void {
    this.#taken--
    const [next] = this.#waiting
    if (!next) return
    this.#waiting.delete(next)
    this.#taken++
    next()
  }

  /** Takes somebody out of the line. */
  cancel(start: () => void): void {
    this.#waiting.delete(start)
  }
}
