/** Those who follow something as it happens. A slow one loses lines beyond its bound and is told how many. */
const queueLimit = 1000

export class Followers {
  readonly #followers = new Set<Queue>()

  tell(value: unknown): void {
    for (const follower of this.#followers) follower.push(value)
  }

  /** Lines until the signal says stop or the daemon ends; `first` come before anything that happens. */
  async *follow(signal: AbortSignal, first: unknown[] = []): AsyncGenerator<unknown> {
    const queue = new Queue(first)
    this.#followers.add(queue)
    const end = () => queue.end()
    signal.addEventListener('abort', end, { once: true })
    try {
      yield* queue
    } finally {
      signal.removeEventListener('abort', end)
      this.#followers.delete(queue)
    }
  }

  close(): void {
    for (const follower of this.#followers) follower.end()
  }
}

class Queue implements AsyncIterable<unknown> {
  readonly #lines: unknown[]
  #wake: () => void = () => {}
  #ended = false
  #lost = 0

  constructor(first: unknown[]) {
    this.#lines = [...first]
  }

  push(value: unknown): void {
    if (this.#lines.length >= queueLimit) this.#lost++
    else this.#lines.push(value)
    this.#wake()
  }

  end(): void {
    this.#ended = true
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown> {
    for (;;) {
      while (this.#lines.length > 0) yield this.#lines.shift()
      if (this.#lost > 0) {
        yield { type: 'lost', lines: this.#lost }
        this.#lost = 0
      }
      if (this.#ended) return
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}
