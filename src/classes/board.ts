import { ClassError } from './errors.ts'
import { checkClassName } from './names.ts'
import type { Class } from './types.ts'

export interface ClassChange {
  change: 'set' | 'refreshed' | 'unset' | 'expired' | 'evicted' | 'refused'
  class: Class
}

export interface BoardGauge {
  classes: number
  limit: number
  /** Timed classes given up for newer ones, and classes refused because only semaphores were left, since the start. */
  evicted: number
  refused: number
}

/** Classes on a board at most. A host of cfengine's has some hundred. */
export const CLASSES_LIMIT = 1024

/**
 * The classes that hold on this host. Each source speaks for itself: what one set, another cannot take away. A class
 * with `until` 0 is a semaphore: it stands until it is unset. Pure: every method is told the time (ms since the
 * epoch), and gives back what changed.
 *
 * At the cap the timed class that would end first makes room; semaphores never do, they refuse newcomers.
 */
export class ClassBoard {
  readonly #classes = new Map<string, Class>()
  readonly #limit: number
  #evicted = 0
  #refused = 0

  constructor(limit: number = CLASSES_LIMIT) {
    this.#limit = limit
  }

  /**
   * Sets a class, or lets one that holds hold longer (never shorter).
   * @param lifetimeMs from now; 0: a semaphore
   * @throws ClassError for a name or lifetime no class can have
   */
  set(name: string, source: string, lifetimeMs: number, now: number): ClassChange[] {
    checkClassName(name)
    if (!(lifetimeMs >= 0) || !Number.isFinite(lifetimeMs))
      throw new ClassError(`a class cannot live ${lifetimeMs} ms: 0 (until it is taken away) or more`)
    const changes = this.expire(now)
    const until = lifetimeMs === 0 ? 0 : now + lifetimeMs
    const id = idOf(name, source)
    const held = this.#classes.get(id)
    if (held) {
      held.until = held.until === 0 || until === 0 ? 0 : Math.max(held.until, until)
      changes.push({ change: 'refreshed', class: { ...held } })
      return changes
    }
    const made: Class = { name, source, since: now, until }
    if (this.#classes.size >= this.#limit && !this.#makeRoom(changes)) {
      this.#refused++
      changes.push({ change: 'refused', class: made })
      return changes
    }
    this.#classes.set(id, made)
    changes.push({ change: 'set', class: { ...made } })
    return changes
  }

  /** Takes away what `source` set; of every source without one (an agent run has dealt with it). */
  unset(name: string, source?: string): ClassChange[] {
    const changes: ClassChange[] = []
    for (const [id, held] of this.#classes)
      if (held.name === name && (source === undefined || held.source === source)) {
        this.#classes.delete(id)
        changes.push({ change: 'unset', class: { ...held } })
      }
    return changes
  }

  /** Removes what has run out. */
  expire(now: number): ClassChange[] {
    const changes: ClassChange[] = []
    for (const [id, held] of this.#classes)
      if (held.until !== 0 && held.until <= now) {
        this.#classes.delete(id)
        changes.push({ change: 'expired', class: { ...held } })
      }
    return changes
  }

  /** Whether any source says so now. */
  holds(name: string, now: number): boolean {
    for (const held of this.#classes.values()) if (held.name === name && stands(held, now)) return true
    return false
  }

  /** The classes that hold now, by name. */
  at(now: number): Class[] {
    return [...this.#classes.values()]
      .filter((held) => stands(held, now))
      .map((held) => ({ ...held }))
      .sort((a, b) => (a.name === b.name ? compare(a.source, b.source) : compare(a.name, b.name)))
  }

  /** Puts back what was saved, in place of what is held; what has run out is left out. */
  restore(saved: Iterable<Class>, now: number): void {
    this.#classes.clear()
    for (const one of saved) {
      checkClassName(one.name)
      if (stands(one, now) && this.#classes.size < this.#limit)
        this.#classes.set(idOf(one.name, one.source), { ...one })
    }
  }

  gauge(): BoardGauge {
    return {
      classes: this.#classes.size,
      limit: this.#limit,
      evicted: this.#evicted,
      refused: this.#refused,
    }
  }

  #makeRoom(changes: ClassChange[]): boolean {
    let first: [string, Class] | undefined
    for (const entry of this.#classes)
      if (entry[1].until !== 0 && (!first || entry[1].until < first[1].until)) first = entry
    if (!first) return false
    this.#classes.delete(first[0])
    this.#evicted++
    changes.push({ change: 'evicted', class: { ...first[1] } })
    return true
  }
}

const idOf = (name: string, source: string): string => `${name}\0${source}`
const stands = (held: Class, now: number): boolean => held.until === 0 || held.until > now
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
