/** Grams of a table at most, unless it is told otherwise: sendmail has 4,640 8-grams, all programs of ADFA-LD 85,000. */
export const GRAMS_LIMIT = 65_536
const FIRST_PLACES = 64
/** The share of its grams that a full table gives up at once: 1 in 8. */
const EVICTED_SHARE = 8

/** What became of a table's memory. */
export interface GramGauge {
  grams: number
  limit: number
  /** Grams given up for newer ones since the table was made. */
  evicted: number
}

/**
 * Supports of k-grams: in how many learned units each one occurs. Open addressing with the grams themselves as keys,
 * so that no two are ever taken for one.
 *
 * At the cap those with the least support go, an eighth at once, and among equals those whose last unit is longest
 * ago; never one of the unit that is being learned. What goes is unknown again: that errs towards alarm.
 */
export class GramTable {
  /** Calls of a gram. */
  readonly order: number
  readonly limit: number
  readonly #seed: number
  #count = 0
  #evicted = 0
  #mask = FIRST_PLACES - 1
  #keys: Uint16Array
  /** 0: the place is free. */
  #supports = new Uint32Array(FIRST_PLACES)
  /** The unit that counted the gram last: each counts once. */
  #units = new Uint32Array(FIRST_PLACES)

  /** @param seed of the hash: places, and nothing else, depend on it */
  constructor(order: number, limit: number = GRAMS_LIMIT, seed = 0) {
    this.order = order
    this.limit = limit
    this.#seed = seed
    this.#keys = new Uint16Array(FIRST_PLACES * order)
  }

  get count(): number {
    return this.#count
  }

  gauge(): GramGauge {
    return { grams: this.#count, limit: this.limit, evicted: this.#evicted }
  }

  /** In how many units the gram that ends at `calls[at]` occurs. The gram must lie within `calls`. */
  support(calls: Uint16Array, at: number): number {
    return this.#supports[this.#place(calls, at)]!
  }

  /** Counts the gram that ends at `calls[at]` for `unit` (1, 2, ...), once: false when it has been. */
  add(calls: Uint16Array, at: number, unit: number): boolean {
    let place = this.#place(calls, at)
    if (this.#supports[place] === 0) {
      if (this.#count >= this.limit && !this.#evict(unit)) return true
      if ((this.#count + 1) * 2 > this.#mask + 1) this.#resize((this.#mask + 1) * 2)
      place = this.#place(calls, at)
      this.#write(place, calls, at, 1, unit)
      return true
    }
    if (this.#units[place] === unit) return false
    this.#units[place] = unit
    this.#supports[place] = Math.min(0xffff_ffff, this.#supports[place]! + 1)
    return true
  }

  /** Puts a gram with its support back, as `entries` gave it. Past the limit it is left out. */
  restore(gram: Uint16Array, support: number): void {
    if (this.#count >= this.limit) return
    if ((this.#count + 1) * 2 > this.#mask + 1) this.#resize((this.#mask + 1) * 2)
    const place = this.#place(gram, this.order - 1)
    if (this.#supports[place] === 0) this.#write(place, gram, this.order - 1, support, 0)
  }

  /** All grams in ascending order of their calls. The gram is a view, not to be kept. */
  *entries(): Generator<{ gram: Uint16Array; support: number }> {
    const { order } = this
    const keys = this.#keys
    const places = this.#used().sort((a, b) => {
      for (let i = 0; i < order; i++) {
        const difference = keys[a * order + i]! - keys[b * order + i]!
        if (difference !== 0) return difference
      }
      return 0
    })
    for (const place of places)
      yield { gram: keys.subarray(place * order, (place + 1) * order), support: this.#supports[place]! }
  }

  #used(): Uint32Array {
    const places = new Uint32Array(this.#count)
    let used = 0
    for (let place = 0; place <= this.#mask; place++) if (this.#supports[place] !== 0) places[used++] = place
    return places
  }

  #write(place: number, calls: Uint16Array, at: number, support: number, unit: number): void {
    const first = at - this.order + 1
    for (let i = 0; i < this.order; i++) this.#keys[place * this.order + i] = calls[first + i]!
    this.#supports[place] = support
    this.#units[place] = unit
    this.#count++
  }

  /** Where the gram is, or the free place where it would be. */
  #place(calls: Uint16Array, at: number): number {
    const { order } = this
    const first = at - order + 1
    const keys = this.#keys
    let hash = this.#seed
    for (let i = 0; i < order; i++) {
      hash = Math.imul(hash ^ calls[first + i]!, 0x9e3779b1)
      hash ^= hash >>> 15
    }
    for (let place = hash & this.#mask; ; place = (place + 1) & this.#mask) {
      if (this.#supports[place] === 0) return place
      const base = place * order
      let i = 0
      while (i < order && keys[base + i] === calls[first + i]) i++
      if (i === order) return place
    }
  }

  #resize(places: number): void {
    this.#rebuild(places, this.#used())
  }

  /** Makes room by the rule above. False when every gram is the unit's own. */
  #evict(unit: number): boolean {
    const supports = this.#supports
    const units = this.#units
    const places = this.#used()
    const others = places.filter((place) => units[place] !== unit)
    const gone = Math.min(others.length, Math.max(1, Math.floor(this.limit / EVICTED_SHARE)))
    if (gone === 0) return false
    // One number for both, so that sorting needs no function: a hostile program makes this happen often.
    const rank = (place: number) => Math.min(supports[place]!, 0x1f_ffff) * 2 ** 32 + units[place]!
    const last = Float64Array.from(others, rank).sort()[gone - 1]!
    const equals = others.filter((place) => rank(place) === last)
    const below = others.filter((place) => rank(place) < last)
    for (const place of below) supports[place] = 0
    const rest = gone - below.length
    if (rest < equals.length) equals.sort((a, b) => this.#compare(a, b))
    for (const place of equals.subarray(0, rest)) supports[place] = 0
    this.#evicted += gone
    this.#rebuild(
      this.#mask + 1,
      places.filter((place) => supports[place] !== 0),
    )
    return true
  }

  #compare(a: number, b: number): number {
    for (let i = 0; i < this.order; i++) {
      const difference = this.#keys[a * this.order + i]! - this.#keys[b * this.order + i]!
      if (difference !== 0) return difference
    }
    return 0
  }

  /** A table of `places` with what lies at `kept` in this one. */
  #rebuild(places: number, kept: Uint32Array): void {
    const { order } = this
    const keys = this.#keys
    const supports = this.#supports
    const units = this.#units
    this.#keys = new Uint16Array(places * order)
    this.#supports = new Uint32Array(places)
    this.#units = new Uint32Array(places)
    this.#mask = places - 1
    this.#count = 0
    for (const place of kept) {
      const at = (place + 1) * order - 1
      this.#write(this.#place(keys, at), keys, at, supports[place]!, units[place]!)
    }
  }
}
