import { createCipheriv, createHash } from 'node:crypto'

const BLOCK = 16
/** A cell is chosen by the upper part of a word: word * cells / 2^32. */
const WORD = 2 ** 32
const KEY_OF = 'lymph fleet sketch 1\0'

/** Pairs (as `pairCode` gives them), each with its four hash words. Made once, compared with as many sketches as there are. */
export interface HashedPairs {
  readonly codes: Uint32Array
  /** Four words a pair: three that choose cells, one that decides the sample it is in. */
  readonly words: Uint32Array
}

/**
 * The keyed hash of pairs that all sketches of one mesh share: AES-128 of the pair's number, under a key that is made of
 * the mesh's secret. Who has not the secret cannot ask a sketch for a pair.
 */
export class PairHash {
  readonly #key: Buffer

  /** @param secret what all members know and nobody else, 16 bytes or more */
  constructor(secret: Uint8Array) {
    if (secret.length < BLOCK) throw new RangeError(`a secret has 16 bytes or more, not ${secret.length}`)
    this.#key = createHash('sha256').update(KEY_OF).update(secret).digest().subarray(0, BLOCK)
  }

  /** @param codes distinct pairs, in any order */
  hash(codes: Iterable<number>): HashedPairs {
    const all = Uint32Array.from(codes)
    const plain = Buffer.alloc(all.length * BLOCK)
    for (let i = 0; i < all.length; i++) plain.writeUInt32LE(all[i]!, i * BLOCK)
    const cipher = createCipheriv('aes-128-ecb', this.#key, null).setAutoPadding(false)
    const sealed = cipher.update(plain)
    const words = new Uint32Array(all.length * 4)
    for (let i = 0; i < words.length; i++) words[i] = sealed.readUInt32LE(i * 4)
    return { codes: all, words }
  }
}

/** Which of `cells` a hash word chooses. */
export function cellOf(word: number, cells: number): number {
  return Math.floor((word * cells) / WORD)
}

/** Whether a pair is in the sample of a level: its last word ends in that many zero bits. */
export function isSampled(word: number, level: number): boolean {
  return level === 0 || word % 2 ** level === 0
}
