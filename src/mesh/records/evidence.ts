/** Proofs that a member lies, or that its key is copied: kept, at most so many, for whoever asks later. */

import { limits } from '../limits.ts'
import type { Directory } from '../members/directory.ts'
import { encode } from './codec.ts'
import type { Statement } from './envelope.ts'
import type { Writes } from './writes.ts'

export interface EvidenceOptions {
  directory: Directory
  writes: Writes
  count(reason: string): void
  log: { warn(message: string): void }
}

export class Evidence {
  readonly #options: EvidenceOptions
  size = 0

  constructor(options: EvidenceOptions) {
    this.#options = options
  }

  /** Two statements under one number, each signed; `first` where it is still held. */
  equivocation(second: Statement, first: Statement | undefined): void {
    const { author, epoch, seq } = second
    const why = `has signed two statements under one number, ${epoch}.${seq}: its key is copied or it lies`
    this.#keep(author, `${epoch}/${seq}`, why, [
      second.envelope,
      ...(first === undefined ? [] : [first.envelope]),
    ])
  }

  /** A statement whose signature does not hold, though its author's manifest vouches for it. */
  falseVoucher(statement: Statement, manifests: Uint8Array[]): void {
    const { author, epoch, seq } = statement
    const why = `vouches for a statement it has not signed, ${epoch}.${seq}: its lymph is not ours, or it lies`
    this.#keep(author, `${epoch}/${seq}`, why, [statement.envelope, ...manifests.slice(0, 1)])
  }

  #keep(author: string, number: string, why: string, envelopes: Uint8Array[]): void {
    const { count, directory, log, writes } = this.#options
    if (this.size >= limits.equivocations) {
      count('evidence-full')
      return
    }
    this.size += 1
    log.warn(`${directory.get(author)?.certificate.name ?? author} (${author}) ${why}`)
    writes.put(`evidence/${author}/${number}`, encode(envelopes))
  }
}
