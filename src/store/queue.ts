/** Runs one task after the other. Its length is that of the callers who wait: each awaits its own. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve()

  run<Result>(task: () => Promise<Result>): Promise<Result> {
    const next = this.#last.then(task, task)
    this.#last = next.catch(() => undefined)
    return next
  }
}
