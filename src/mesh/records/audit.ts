/**
 * The signatures that a sync did not look at, because a manifest vouched for the statement: looked at afterwards, a few at a time.
 * One that does not hold is proof that the author signs manifests for what it has not signed.
 */

import { limits } from '../limits.ts'
import type { Statement } from './envelope.ts'

/** A hundred signatures are 11 ms. */
const perTurn = 100

export class Audit {
  #waiting: Statement[] = []

  /** Above the number of statements a host can hold the oldest give way: they have given way there too. */
  add(statement: Statement): void {
    this.#waiting.push(statement)
    if (this.#waiting.length > limits.recordsInAll) this.#waiting.shift()
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Looks at some; those that do not hold. */
  turn(holds: (statement: Statement) => boolean): Statement[] {
    return this.#waiting.splice(0, perTurn).filter((statement) => !holds(statement))
  }
}
