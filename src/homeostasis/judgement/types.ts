/** A process image from exec or fork to its end, or `UNIT_CALLS` of its calls: what is judged as one. */
export const UNIT_CALLS = 16_384
/** Calls that N and R are summed over: pH's locality frame. */
export const FRAME = 128

/** The three observables of a unit. */
export interface Observables {
  /** Novelty: weighted distinct unknown pairs within 128 calls, at most. */
  n: number
  /** Rarity: bits of rare 3-grams within 128 calls, at most. */
  r: number
  /** Surprise rate: mean cost of a call, in bits. */
  s: number
}

export type Observable = keyof Observables

/** The calls that spoke: the last of the window, and its place in the unit (0: the first call). */
export interface Spoken {
  at: number
  /** Up to `window` calls, as slots, oldest first; the last is the one that spoke. */
  calls: number[]
}

/** What was measured of one unit. */
export interface UnitScore extends Observables {
  calls: number
  /** The first windows that gave each observable a part, a few at most. */
  windows: Record<Observable, Spoken[]>
}
