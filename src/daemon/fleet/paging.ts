/**
 * Unfamiliar incidents that nobody is told of until they are shown again (`fleet.page: recurring`): by another process of the
 * same incident, or in a later one, within 7 days. Outlives a restart.
 */
import { Recurrence } from '#fleet'
import { pairCode } from '#homeostasis'
import type { Repository } from '#store'
import { oneLine } from '../errors.ts'

/** Incidents of which it is kept who showed what first; more than can be open. */
const incidentsMost = 512
/** Of each: an incident names no more pairs, and one with more is not asked about. */
const codesMost = 256

/** What waits, by the id of its incident. */
export interface HeldPage {
  program: string
  codes: number[]
  /** ms since the epoch */
  since: number
}

export interface Shown {
  pid: number
  current: number
  /** Nearest first; bit d-1 of `missing`: the pair at distance d is new. */
  previous: readonly number[]
  missing: number
}

/** In an incident: which process showed a pair first, and what was shown again. */
interface Trail {
  first: Map<number, number>
  again: Set<number>
}

export class Paging {
  readonly #kept: Repository<string, HeldPage>
  readonly #complain: (line: string) => void
  readonly #recurrence = new Recurrence<string>()
  readonly #trails = new Map<string, Trail>()
  #writing: Promise<void> = Promise.resolve()

  constructor(kept: Repository<string, HeldPage>, complain: (line: string) => void) {
    this.#kept = kept
    this.#complain = complain
  }

  async restore(): Promise<void> {
    const held: [string, HeldPage][] = []
    for await (const one of this.#kept.list()) held.push(one)
    for (const [id, { program, codes, since }] of held.sort((a, b) => a[1].since - b[1].since))
      for (const given of this.#recurrence.hold(id, program, codes, since)) this.#forget(given)
  }

  gauge(): ReturnType<Recurrence<string>['gauge']> {
    return this.#recurrence.gauge()
  }

  /**
   * An anomalous call of an incident.
   * @returns incidents whose wait is over by it: the fleet is asked once more
   */
  shown(id: string, program: string, { pid, current, previous, missing }: Shown, now: number): string[] {
    const trail = this.#trails.get(id) ?? { first: new Map(), again: new Set() }
    this.#trails.set(id, trail)
    if (this.#trails.size > incidentsMost) this.#trails.delete(this.#trails.keys().next().value as string)
    const codes: number[] = []
    for (const [at, call] of previous.entries()) {
      if (((missing >> at) & 1) === 0) continue
      const code = pairCode(current, call, at + 1)
      const first = trail.first.get(code)
      if (first === pid || trail.again.has(code)) continue
      if (first !== undefined) trail.again.add(code)
      else if (trail.first.size < codesMost) trail.first.set(code, pid)
      // Shown first in this incident: one that waits since an earlier incident is shown again by it.
      codes.push(code)
    }
    if (codes.length === 0) return []
    for (const over of this.#recurrence.expire(now)) this.#forget(over)
    const found = this.#recurrence.shown(program, codes, now)
    for (const held of found) {
      this.#forget(held.incident)
      for (const code of held.codes) if (codes.includes(code)) trail.again.add(code)
    }
    return found.map(({ incident }) => incident)
  }

  /**
   * The fleet does not know pairs of an incident.
   * @returns whether somebody is told now, and the incidents that had to give way: for them as well
   */
  unfamiliar(
    id: string,
    program: string,
    codes: readonly number[],
    now: number,
  ): { tell: boolean; gaveWay: string[] } {
    const again = this.#trails.get(id)?.again
    if (codes.some((code) => again?.has(code))) {
      this.release(id)
      return { tell: true, gaveWay: [] }
    }
    const gaveWay = this.#recurrence.hold(id, program, codes, now)
    for (const one of gaveWay) this.#forget(one)
    if (!gaveWay.includes(id)) this.#write((kept) => kept.put(id, { program, codes: [...codes], since: now }))
    return { tell: false, gaveWay }
  }

  /** The fleet knows it, somebody was told of it, or it was dealt with. */
  release(id: string): void {
    this.#recurrence.release(id)
    this.#forget(id)
  }

  /** @param isOpen whether an incident may still be shown @param isResolved whether somebody dealt with it */
  keepHouse(isOpen: (id: string) => boolean, isResolved: (id: string) => boolean, now: number): void {
    for (const id of this.#trails.keys()) if (!isOpen(id)) this.#trails.delete(id)
    for (const id of this.#recurrence.expire(now)) this.#forget(id)
    for (const id of this.#recurrence.waiting()) if (isResolved(id)) this.release(id)
  }

  #forget(id: string): void {
    this.#write((kept) => kept.del(id))
  }

  #write(how: (kept: Repository<string, HeldPage>) => Promise<void>): void {
    this.#writing = this.#writing
      .then(() => how(this.#kept))
      .catch((error) => this.#complain(`what waits to be shown again is not saved: ${oneLine(error)}`))
  }

  /** Resolves when all is on the disk. */
  stop(): Promise<void> {
    return this.#writing
  }
}
