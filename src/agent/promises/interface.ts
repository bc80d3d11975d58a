/**
 * What a type of promise is: the keys a policy may write, a plan that touches nothing, and acting on one step of it.
 * The language reads, guards and schedules promises of every type alike; a type knows only its own matter.
 */
import type { z } from 'zod'
import type { ProcessFilter } from './processes/filter.ts'
import type { Hands, World } from './world.ts'

/** One thing that would be done, as a person and the ledger read it. Plain data: it is printed as JSON. */
export interface Step {
  /** A verb of the type's own: `kill`, `freeze`, `check`, `collect`. */
  act: string
  /** What it is done to: `1234 /usr/bin/x`, `/etc`, `/usr/sbin/nginx`. */
  target: string
  /** The incidents it answers, where there are any: a tolerated one is refused before every step. */
  incidents?: readonly string[]
  /** What would come after it, a line each: for a dry run. */
  outlook?: readonly string[]
  /** What the type needs to act on it; not for printing. */
  detail?: unknown
}

export interface Plan<S extends Step = Step> {
  steps: readonly S[]
  /** What is left alone, and why: `sshd (812): it is on the list of what is never acted on`. */
  spared: readonly string[]
  /** Offenders that were meant and have ended, named: `/usr/bin/x (812) ended ...: LFC 9, ...`. Nothing is done for them. */
  ended?: readonly string[]
  /** Nothing to do, in a sentence; '' where there are steps. */
  why: string
  /** There would be something to do, and it is refused (`why` says so): the promise is not kept. */
  refused?: boolean
}

/** How a step went. */
export interface Outcome {
  /** `kept`: nothing had to be changed. `repaired`: it was done. `not_kept`: it could not be done, or not in whole. */
  result: 'kept' | 'repaired' | 'not_kept'
  /** One line: what, where, why; what to do, where it is not kept. */
  line: string
  /** Classes that hold from now on, for the rest of the run and `classLifetimeMs`: `checksum_alerts`. */
  classes?: readonly string[]
  /** How it is taken back; absent: it changed nothing that outlasts it, or cannot be taken back (`line` says which). */
  undo?: Undo
}

/** What `lymph agent undo` does; plain data, kept in the ledger. `of`: which type of promise knows how. */
export interface Undo {
  of: string
  [key: string]: unknown
}

/** What a promise may refer to by name. */
export interface PolicyNames {
  filters: ReadonlyMap<string, ProcessFilter>
}

/** A mistake in a promise's body that its shape alone does not show; `path` leads to the key. */
export interface Fault {
  path: readonly (string | number)[]
  message: string
}

export interface PromiseType<Body = unknown, S extends Step = Step> {
  /** The key in a policy: `processes`, `files`. */
  readonly name: string
  /** One promise, without the keys of the language (`if`, `ifelapsed`, `expireafter`, `comment`, `name`). A strict object. */
  readonly shape: z.ZodType<Body>
  /** Lines for `lymph policy check --schema` and docs/reference/policy.md. */
  readonly summary: string
  /** The body beyond its shape: relations of keys, names it refers to. Faults are told with their positions. */
  parse(body: Body, names: PolicyNames): { body: Body } | { faults: readonly Fault[] }
  /** Looks, and changes nothing: what would be done now. This is the dry run. @throws Error where it cannot even look */
  plan(body: Body, world: World): Promise<Plan<S>>
  /** Does one step. Whatever it cannot do is an outcome, not an exception. Stops early when `hands.signal` aborts. */
  act(step: S, body: Body, hands: Hands): Promise<Outcome>
  /** Takes a step back. @returns one line */
  undo?(undo: Undo, hands: Hands): Promise<string>
}
