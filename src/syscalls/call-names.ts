import { callName, callNumber } from './calls.ts'
import { TraceError } from './errors.ts'
import type { Abi } from './types.ts'

/** Numbers below this are the ABI's own; the pair tables keep 510 and 511 for themselves. */
const NATIVE_LIMIT = 510
const FIRST_DYNAMIC = 512
/** Pair tables have 4096 slots at most. */
const DYNAMIC_LIMIT = 4096
/** What a call is called by that is neither in the table nor among fixed names: it can be known to no profile. */
export const NO_CALL = 0xffff

/**
 * Call numbers of one trace or profile. Names that the ABI's table lacks, and numbers of 510 and up (as `syscall_N`),
 * get numbers 512 .. 4095 in the order in which they come.
 */
export class CallNames {
  readonly abi: Abi
  /** Name of each number of 512 and up. */
  readonly dynamic = new Map<number, string>()
  readonly #numbers = new Map<string, number>()
  readonly #large = new Map<number, number>()
  readonly #fixed: boolean

  /**
   * @param known names that have numbers already (a profile's)
   * @param fixed give no new numbers: what is unknown is NO_CALL
   */
  constructor(abi: Abi, known: Iterable<readonly [number, string]> = [], fixed = false) {
    this.abi = abi
    this.#fixed = fixed
    for (const [number, name] of known) {
      this.dynamic.set(number, name)
      this.#numbers.set(name, number)
    }
  }

  /** The number a call is counted under. Throws TraceError when there are more than 3584 foreign ones. */
  ofNumber(number: number): number {
    if (number < NATIVE_LIMIT) return number
    let dynamic = this.#large.get(number)
    if (dynamic === undefined) {
      dynamic = this.#dynamic(`syscall_${number}`)
      if (dynamic !== NO_CALL) this.#large.set(number, dynamic)
    }
    return dynamic
  }

  /** The number of a call by name. Throws TraceError as ofNumber does. */
  ofName(name: string): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    const native = callNumber(this.abi, name)
    const number = native !== undefined ? this.ofNumber(native) : this.#dynamic(name)
    if (number !== NO_CALL) this.#numbers.set(name, number)
    return number
  }

  nameOf(number: number): string {
    return this.dynamic.get(number) ?? callName(this.abi, number)
  }

  #dynamic(name: string): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    if (this.#fixed) return NO_CALL
    const number = FIRST_DYNAMIC + this.dynamic.size
    if (number >= DYNAMIC_LIMIT)
      throw new TraceError(
        `more than ${DYNAMIC_LIMIT - FIRST_DYNAMIC} different calls that ${this.abi}'s table does not know: is this a trace of another system (--abi), or no trace?`,
      )
    this.dynamic.set(number, name)
    this.#numbers.set(name, number)
    return number
  }
}
