/**
 * Which semaphores of this host the mesh is to be told of now: new and worse ones at once, others seldom, the severe first, and
 * never more than the mesh takes from one host; what does not fit waits. Pure.
 */
import { type About, refreshDue, type SemaphoreBody, semaphoreKey } from './semaphore.ts'
import { higher, weightOf } from './severity.ts'

/** A little less than the 10 a minute, 30 at once, that members accept. */
const pace = { perMinute: 9, burst: 25 }

/** One thing to say: what stands, or, without a body, that it does not any more. */
export interface Saying {
  key: string
  body?: SemaphoreBody
}

export class Outgoing {
  readonly #ttlMs: number
  readonly #said = new Map<string, { body: SemaphoreBody; at: number }>()
  readonly #standing = new Map<About, Map<string, SemaphoreBody>>()
  #tokens = pace.burst
  #at = Number.NaN

  /** @param ttlMs how long a semaphore stands that is not refreshed */
  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs
  }

  /** All that stands now of one kind of subject. Before the first time, what was said of it is left to run out. */
  stand(about: About, bodies: readonly SemaphoreBody[]): void {
    this.#standing.set(about, new Map(bodies.map((body) => [semaphoreKey(body), body])))
  }

  /** What this host said before a restart; told again or cleared by what stands now. */
  heard(key: string, body: SemaphoreBody, at: number): void {
    if (!this.#said.has(key)) this.#said.set(key, { body, at })
  }

  /**
   * What to say now, in this order: what is new or worse, the severe first; what is over; what is only told again. What is said is
   * reported by `published` and `cleared`; the rest comes with the next call.
   */
  due(now: number): Saying[] {
    this.#refill(now)
    const due = [...this.#standing.values()]
      .flatMap((of) => [...of])
      .filter(([key, body]) => refreshDue(this.#said.get(key), body, this.#ttlMs, now))
      .sort(([, a], [, b]) => weightOf(b.severity) - weightOf(a.severity))
      .map(([key, body]) => ({ key, body }))
    const pressing = ({ key, body }: { key: string; body: SemaphoreBody }) => {
      const last = this.#said.get(key)
      return last === undefined || higher(body.severity, last.body.severity)
    }
    const over = [...this.#said]
      .filter(([key, { body }]) => this.#standing.get(body.about)?.has(key) === false)
      .map(([key]) => ({ key }))
    const again = due.filter((one) => !pressing(one))
    return [...due.filter(pressing), ...over, ...again].slice(0, Math.floor(this.#tokens))
  }

  published(key: string, body: SemaphoreBody, at: number): void {
    this.#said.set(key, { body, at })
    this.#tokens--
  }

  cleared(key: string): void {
    this.#said.delete(key)
    this.#tokens--
  }

  /** Nothing has been said, and nothing stands: the mesh was left. */
  reset(): void {
    this.#said.clear()
  }

  get size(): number {
    return this.#said.size
  }

  #refill(now: number): void {
    const past = Number.isNaN(this.#at) ? 0 : Math.max(0, now - this.#at)
    this.#at = now
    this.#tokens = Math.min(pace.burst, this.#tokens + (past * pace.perMinute) / 60_000)
  }
}
