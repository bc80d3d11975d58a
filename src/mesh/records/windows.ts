/**
 * What each author has said lately, by number: the guard against replays (RFC 6479's window, with hashes so that two
 * statements under one number are seen for what they are). Pure; the caller persists `save` under the author's name.
 */
import { z } from 'zod'
import { someBytes } from '../identity/certificate.ts'
import { limits } from '../limits.ts'
import { decode, encode, equals } from './codec.ts'

export type Standing = 'new' | 'duplicate' | 'equivocation' | 'old'

interface Window {
  epoch: number
  highest: number
  /** Number -> first 8 bytes of the hash said under it; the last 64 numbers. */
  seen: Map<number, Uint8Array>
}

const saved = z.tuple([z.int(), z.int(), z.array(z.tuple([z.int(), someBytes(8)])).max(limits.window + 1)])

export interface Numbered {
  author: string
  epoch: number
  seq: number
  hash: Uint8Array
}

export class Windows {
  readonly #windows = new Map<string, Window>()

  /** How a statement stands to what was heard before. 'old': before the window; whether it was heard cannot be told. */
  standing({ author, epoch, seq, hash }: Numbered): Standing {
    const window = this.#windows.get(author)
    if (window === undefined || epoch > window.epoch) return 'new'
    if (epoch < window.epoch) return 'old'
    const seen = window.seen.get(seq)
    if (seen !== undefined) return equals(seen, hash.subarray(0, 8)) ? 'duplicate' : 'equivocation'
    return seq <= window.highest - limits.window ? 'old' : 'new'
  }

  /** To be called after the signature held, or a forger could spend another's numbers. */
  note({ author, epoch, seq, hash }: Numbered): void {
    let window = this.#windows.get(author)
    if (window === undefined || epoch > window.epoch) {
      window = { epoch, highest: 0, seen: new Map() }
      this.#windows.set(author, window)
    }
    if (epoch < window.epoch || seq <= window.highest - limits.window) return
    window.seen.set(seq, hash.slice(0, 8))
    if (seq <= window.highest) return
    window.highest = seq
    for (const number of window.seen.keys()) if (number <= seq - limits.window) window.seen.delete(number)
  }

  /** What `load` reads. An author never heard has an empty window. */
  save(author: string): Uint8Array {
    const window = this.#windows.get(author)
    return encode([window?.epoch ?? 0, window?.highest ?? 0, [...(window?.seen ?? [])]])
  }

  /** Throws where the bytes are not what `save` gave. */
  load(author: string, content: Uint8Array): void {
    const [epoch, highest, seen] = saved.parse(decode(content))
    this.#windows.set(author, { epoch, highest, seen: new Map(seen) })
  }

  forget(author: string): void {
    this.#windows.delete(author)
  }

  get size(): number {
    return this.#windows.size
  }
}
