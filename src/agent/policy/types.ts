import type { ClassExpression } from '#classes'
import type { PromiseType } from '../promises/interface.ts'
import type { ProcessFilter } from '../promises/processes/filter.ts'

/** One promise, read and checked. */
export interface PolicyPromise {
  /** Its name, or `processes-1`: type and number in the file. */
  name: string
  comment: string
  type: PromiseType
  /** `if`; `any` where it has none. */
  guard: ClassExpression
  guardText: string
  body: unknown
  ifelapsedMs: number
  expireafterMs: number
  /** Classes that how it went defines, for the rest of the run. */
  define: Readonly<Record<'kept' | 'repaired' | 'not_kept', readonly string[]>>
  /** `default.yaml:14:3` */
  place: string
  /** What its lock is named after: type, name and body, as cfengine hashes operator and operand. */
  key: string
}

export interface Policy {
  file: string
  /** SHA-256 of the text. */
  sha256: string
  /** Classes the policy makes of others, each after those it names. */
  classes: readonly { name: string; expression: ClassExpression }[]
  filters: ReadonlyMap<string, ProcessFilter>
  /** In the order they run. */
  promises: readonly PolicyPromise[]
  /** Those whose type the sequence does not name: they never run. */
  outside: readonly PolicyPromise[]
}
