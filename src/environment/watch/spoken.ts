import { classNames, type Judged } from '../model/verdict.ts'
import { aliases } from '../probes/index.ts'

/** CFEngine's CF_PERSISTENCE. */
export const PERSISTENCE_MS = 600_000

/** Where classes go: the host's board, under this room's name. */
export interface ClassPort {
  set(name: string, lifetimeMs: number): void
  unset(name: string): void
}

/** Classes that outlive the sample that made them, so that an agent which runs every five minutes sees a single event. */
const persistent = /_(?:dev2|dev3|anomalous|flat|ldt)$/

/**
 * The classes this room has said, by what they are about. Those of now are replaced by the next judgement of the same
 * thing; those that persist are left to run out.
 */
export class Spoken {
  readonly #port: ClassPort
  readonly #lifetimeMs: number
  readonly #held = new Map<string, Set<string>>()

  /** @param lifetimeMs of a class of now, should nobody replace it */
  constructor(port: ClassPort, lifetimeMs: number) {
    this.#port = port
    this.#lifetimeMs = lifetimeMs
  }

  /** @param names all classes that hold of `about` now; persistent ones only when `event`: something was judged anew */
  say(about: string, names: readonly string[], event: boolean): void {
    const before = this.#held.get(about)
    const now = new Set<string>()
    for (const name of names)
      if (!persistent.test(name)) {
        now.add(name)
        this.#port.set(name, this.#lifetimeMs)
      } else if (event) this.#port.set(name, PERSISTENCE_MS)
    for (const name of before ?? []) if (!now.has(name)) this.#port.unset(name)
    if (now.size > 0) this.#held.set(about, now)
    else this.#held.delete(about)
  }
}

/** Classes of an observable, under its other names as well. */
export function namesOf(name: string, judged: Judged): string[] {
  const other = [...aliases].filter(([, same]) => same === name).map(([alias]) => alias)
  return [name, ...other].flatMap((each) => classNames(each, judged))
}
