import {
  BLOCK_SAMPLES,
  BLOCK_TOP,
  BLOCKS,
  RELATIVE_FLOOR,
  TAIL_LEAST,
  TAIL_SHAPE,
  TAIL_SHARE,
  TAIL_WARM,
  TOP,
} from './constants.ts'

/** How much a tail remembers. */
export interface TailForm {
  /** Samples a block is filled with. */
  samples: number
  /** Blocks: those of the memory, and the one being filled. At most 255. */
  blocks: number
  /** Entries a block keeps. At most 255. */
  top: number
  /** Entries that count, of all blocks together. */
  most: number
}

const eightWeeks: TailForm = { samples: BLOCK_SAMPLES, blocks: BLOCKS, top: BLOCK_TOP, most: TOP }

/**
 * The largest values a statistic had lately, and from them how surprising a new one is. Within the list the tail
 * probability is counted; beyond its 99th percentile it is a generalised Pareto tail's (peaks over threshold).
 *
 * The list is made of blocks of a week, each with room for its own largest. One list for all 8 weeks would be filled by
 * a single bad day, be blind until that day is forgotten, and then have nothing ordinary to compare with.
 */
export class Tail {
  readonly form: TailForm
  /** Largest first. */
  readonly values: Float32Array
  /** Which block each came in: number of the block since the first, modulo their number. */
  readonly blocks: Uint8Array
  length = 0
  /** Entries of each block. */
  readonly held: Uint8Array
  /** Samples seen, ever. */
  seen = 0

  constructor(form: TailForm = eightWeeks) {
    this.form = form
    this.values = new Float32Array(form.blocks * form.top)
    this.blocks = new Uint8Array(form.blocks * form.top)
    this.held = new Uint8Array(form.blocks)
  }

  /** It has seen enough to say anything. */
  get warm(): boolean {
    return this.seen >= TAIL_WARM
  }

  /**
   * Surprise of `f` in nats: minus the log of its upper tail probability; 0 for the ordinary, and while little is known.
   * @param floor the least scale of the tail: what counts as no difference
   */
  surprise(f: number, floor: number = RELATIVE_FLOOR): number {
    const n = Math.min(this.seen, this.form.samples * (this.form.blocks - 1))
    const { values } = this
    const length = Math.min(this.length, this.form.most)
    if (n < TAIL_WARM || length < 2) return 0
    const value = Math.fround(f)
    const k = Math.min(length - 1, Math.max(TAIL_LEAST, Math.ceil(TAIL_SHARE * n)))
    const u = values[k]!
    if (value <= u) {
      let count = k
      while (count < length && values[count]! >= value) count++
      return count === length ? 0 : Math.log((n + 1) / (count + 1))
    }
    let sum = 0
    for (let i = 0; i < k; i++) sum += values[i]!
    const scale = Math.max(sum / k - u, floor, 1e-12)
    const z = (f - u) / scale
    return Math.log((n + 1) / (k + 1)) + Math.log1p((TAIL_SHAPE * z) / (1 - TAIL_SHAPE)) / TAIL_SHAPE
  }

  learn(f: number): void {
    const { form, values, blocks, held } = this
    const block = Math.floor(this.seen / form.samples) % form.blocks
    if (this.seen % form.samples === 0) this.#forget(block)
    this.seen++
    const value = Math.fround(f)
    let at = this.length
    if (held[block]! < form.top) {
      held[block]!++
      this.length++
    } else {
      at--
      while (blocks[at] !== block) at--
      if (values[at]! >= value) return
      // The block's smallest makes room: what is below it moves up to close the gap, or down to open one.
      for (; at + 1 < this.length && values[at + 1]! > value; at++) this.#copy(at + 1, at)
    }
    for (; at > 0 && values[at - 1]! < value; at--) this.#copy(at - 1, at)
    values[at] = value
    blocks[at] = block
  }

  #copy(from: number, to: number): void {
    this.values[to] = this.values[from]!
    this.blocks[to] = this.blocks[from]!
  }

  #forget(block: number): void {
    let kept = 0
    for (let i = 0; i < this.length; i++) if (this.blocks[i] !== block) this.#copy(i, kept++)
    this.length = kept
    this.held[block] = 0
  }
}
