/** Webhooks for the agent, which has no network: to addresses that the config names, a few at a time, tried three times. */
import { DaemonError, oneLine } from '../errors.ts'

/** Waiting at most; what comes then is refused, and the promise that asked is not kept. */
const WAITING_LIMIT = 100
const ANSWER_MS = 5000
const PAUSES_MS = [1000, 5000]

export class Webhooks {
  readonly #allowed: readonly string[]
  readonly #say: (line: string) => void
  readonly #pausesMs: readonly number[]
  #last: Promise<void> = Promise.resolve()
  #waiting = 0
  sent = 0
  failed = 0

  /** @param pausesMs before the second and later tries */
  constructor(
    allowed: readonly string[],
    say: (line: string) => void,
    pausesMs: readonly number[] = PAUSES_MS,
  ) {
    this.#allowed = allowed
    this.#say = say
    this.#pausesMs = pausesMs
  }

  /** @throws DaemonError for an address that is not allowed, or when too many wait */
  send(url: string, body: object): void {
    if (!this.#allowed.includes(url))
      throw new DaemonError(`${url}: the config does not allow it: name it under agent.webhooks`)
    if (this.#waiting >= WAITING_LIMIT)
      throw new DaemonError(`${WAITING_LIMIT} webhooks wait already, which is the most: does ${url} answer?`)
    this.#waiting++
    this.#last = this.#last.then(async () => {
      try {
        await this.#post(url, JSON.stringify(body))
        this.sent++
      } catch (error) {
        this.failed++
        this.#say(`webhook ${url}: ${oneLine(error)}; given up after ${this.#pausesMs.length + 1} times`)
      } finally {
        this.#waiting--
      }
    })
  }

  /** Resolves when all that was handed in has been sent or given up. */
  idle(): Promise<void> {
    return this.#last
  }

  async #post(url: string, body: string): Promise<void> {
    for (let attempt = 0; ; attempt++)
      try {
        const answer = await fetch(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
          redirect: 'error',
          signal: AbortSignal.timeout(ANSWER_MS),
        })
        await answer.body?.cancel()
        if (!answer.ok) throw new Error(`it answered ${answer.status}`)
        return
      } catch (error) {
        const pause = this.#pausesMs[attempt]
        if (pause === undefined) throw error
        await new Promise((resolve) => setTimeout(resolve, pause).unref())
      }
  }
}
