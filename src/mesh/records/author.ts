/** What this host says, signed under the next number of its epoch. */

import { MeshError } from '../errors.ts'
import type { Identity } from '../identity/identity.ts'
import type { RecordOperation } from '../interface.ts'
import { limits } from '../limits.ts'
import { makeEnvelope, type Statement, type StatementKind } from './envelope.ts'

export interface About {
  kind: StatementKind
  key: string
  body: unknown
  op: RecordOperation
  weight?: number | undefined
}

export class Author {
  readonly #identity: Pick<Identity, 'meshId' | 'peer' | 'node'>
  readonly #epoch: number
  readonly #now: () => number
  #sequence = 0

  /** @param epoch this boot's generation */
  constructor(identity: Pick<Identity, 'meshId' | 'peer' | 'node'>, epoch: number, now: () => number) {
    this.#identity = identity
    this.#epoch = epoch
    this.#now = now
  }

  /**
   * `atLeast`: when it may run out at the earliest, ms since the epoch. Throws MeshError 'too-large', 'bad-record'; a number is
   * only spent when it did not.
   */
  make(about: About, ttlMs: number, atLeast = 0): Statement {
    const { meshId, peer: author, node } = this.#identity
    if (!(ttlMs > 0 && ttlMs <= limits.maxLifetime))
      throw new MeshError(
        'bad-record',
        `${about.kind} ${about.key}: ${ttlMs} ms is no lifetime; at most 30 days`,
      )
    const ts = Math.round(this.#now())
    const expires = Math.min(Math.max(ts + Math.ceil(ttlMs), atLeast), ts + limits.maxLifetime)
    const seq = this.#sequence + 1
    const statement = makeEnvelope({ meshId, author, epoch: this.#epoch, seq, ts, expires, ...about }, node)
    this.#sequence = seq
    return statement
  }

  /** Is it signed in this host's name under a number this host has not reached? Then a copy of its key speaks elsewhere. */
  foreign({ author, epoch, seq }: Statement): boolean {
    if (author !== this.#identity.peer) return false
    return epoch > this.#epoch || (epoch === this.#epoch && seq > this.#sequence)
  }
}
