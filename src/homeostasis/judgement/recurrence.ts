/** Bits a unit may have before it counts towards recurrence. */
export const DRIFT = 6
/** The stricter one, which decides what happens to a quarantine. */
export const QUARANTINE_DRIFT = 5
const BITS_MOST = 10
/** Sum at which it is an alarm; it begins at 0 again then. */
export const RECURRING = 16

/** `U = max(0, U + min(J, 10) - drift)`: several processes at 1 in 500 are worse than one at 1 in 5,000. */
export class Recurrence {
  readonly #drift: number
  u: number

  constructor(drift: number, u = 0) {
    this.#drift = drift
    this.u = u
  }

  /** One unit; tells whether it rang. */
  add(bits: number): boolean {
    this.u = Math.max(0, this.u + Math.min(bits, BITS_MOST) - this.#drift)
    if (this.u < RECURRING) return false
    this.u = 0
    return true
  }
}
