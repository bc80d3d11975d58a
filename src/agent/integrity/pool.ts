/** Threads that look at paths, and their answers in the order of the questions. At most a few lots are under way. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { LookRules } from './look.ts'
import type { Looked, Lot } from './worker.ts'

/** Lots waiting or done for each thread: enough that a large file holds nobody up for long. */
const lotsAWorker = 6

export class LookPool implements AsyncDisposable {
  readonly #workers: Worker[]
  readonly #rules: LookRules
  readonly #waiting = new Map<number, { resolve: (looked: Looked) => void; reject: (error: Error) => void }>()
  #next = 0

  constructor(rules: LookRules, count: number = Math.min(8, Math.max(1, availableParallelism()))) {
    this.#rules = rules
    this.#workers = Array.from({ length: count }, () => {
      const worker = new Worker(new URL('./worker.ts', import.meta.url))
      worker.on('message', (looked: Looked) => {
        this.#waiting.get(looked.id)?.resolve(looked)
        this.#waiting.delete(looked.id)
      })
      worker.on('error', (error) => this.#fail(error as Error))
      return worker
    })
  }

  /** How many lots may be under way. */
  get depth(): number {
    return this.#workers.length * lotsAWorker
  }

  look(paths: string, hints?: string[]): Promise<Looked> {
    const id = this.#next++
    const lot: Lot = { id, rules: this.#rules, paths, hints }
    const worker = this.#workers[id % this.#workers.length] as Worker
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      worker.postMessage(lot)
    })
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  /** They end by themselves when they have done what was asked: koffi must not be torn down while it loads. */
  async [Symbol.asyncDispose](): Promise<void> {
    const ends = this.#workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve)))
    for (const worker of this.#workers) worker.postMessage('over')
    await Promise.all(ends)
    this.#fail(new Error('the integrity check was ended'))
  }
}
