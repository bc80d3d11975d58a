/** The longest locality frame: pH's PH_LOCALITY_WIN. */
export const LONGEST_FRAME = 128

/**
 * pH's locality frame (alf): which of a task's last calls were anomalous. However many pairs of a call miss, the call
 * counts once. `total` is the LFC.
 */
export class LocalityFrame {
  /** LFC: anomalous calls among the last `length`. */
  total = 0
  /** The largest total since the last reset. */
  max = 0
  length: number
  readonly #ring = new Uint8Array(LONGEST_FRAME)
  #first: number

  /** `length`: 1..128 calls. */
  constructor(length: number) {
    this.length = length
    this.#first = length - 1
  }

  /** pH_add_anomaly_count without the profile's part. */
  add(anomalous: boolean): void {
    const place = this.#first + 1 >= this.length ? 0 : this.#first + 1
    const before = this.#ring[place]!
    if (anomalous) {
      if (before === 0) {
        this.#ring[place] = 1
        this.total++
        if (this.total > this.max) this.max = this.total
      }
    } else if (before !== 0) {
      this.#ring[place] = 0
      this.total--
    }
    this.#first = place
  }

  /** pH_reset_ALF. A frame of another length begins empty. */
  reset(length: number = this.length): void {
    this.length = length
    this.#ring.fill(0)
    this.total = 0
    this.max = 0
    this.#first = length - 1
  }

  clone(): LocalityFrame {
    const copy = new LocalityFrame(this.length)
    copy.#ring.set(this.#ring)
    copy.#first = this.#first
    copy.total = this.total
    copy.max = this.max
    return copy
  }
}
