/**
 * The visitors: requests sent when they are due, whether the ones before have been answered or not (an open loop), over
 * connections that are kept. What was really served is counted.
 */
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Arrival, Page } from './curve.ts'

const connections = 64
const answerMs = 10_000
/** Requests under way at once; those due beyond it are counted as failed. */
const outstandingLimit = 4096

export class Visitors {
  readonly #port: number
  readonly #agent = new Agent({ keepAlive: true, maxSockets: connections, scheduling: 'fifo' })
  #timer: NodeJS.Timeout | undefined
  #outstanding = 0
  /** Requests so far that were answered in full, as the page should be. */
  served = 0
  /** Requests so far that were not. */
  failed = 0
  /** Why the first of them failed. */
  firstFailure: string | undefined

  constructor(port: number) {
    this.#port = port
  }

  /** Sends each arrival at its time after now. Answers at once; another run may be played once all have been sent. */
  play(arrivals: readonly Arrival[]): void {
    const begin = performance.now()
    let next = 0
    const send = () => {
      const now = performance.now() - begin
      while (next < arrivals.length && (arrivals[next] as Arrival).at <= now)
        this.#visit((arrivals[next++] as Arrival).page)
      const coming = arrivals[next]
      this.#timer = coming && setTimeout(send, Math.max(0, coming.at - now))
    }
    send()
  }

  #visit({ path, status }: Page): void {
    if (this.#outstanding >= outstandingLimit) {
      this.#fail(`${outstandingLimit} requests are under way`)
      return
    }
    this.#outstanding++
    let over = false
    const end = (failure?: string) => {
      if (over) return
      over = true
      this.#outstanding--
      if (failure === undefined) this.served++
      else this.#fail(`${path}: ${failure}`)
    }
    const options = { host: '127.0.0.1', port: this.#port, path, agent: this.#agent, timeout: answerMs }
    const visit = request(options, (response) => {
      response.resume()
      response.on('end', () =>
        end(response.statusCode === status ? undefined : `status ${response.statusCode}`),
      )
      response.on('error', (error) => end(error.message))
      response.on('close', () => end('cut short'))
    })
    visit.on('timeout', () => visit.destroy(new Error(`no answer within ${answerMs / 1000} s`)))
    visit.on('error', (error) => end(error.message))
    visit.end()
  }

  #fail(why: string): void {
    this.failed++
    this.firstFailure ??= why
  }

  /** Resolves when nothing is under way, or every request had its time. */
  async idle(signal: AbortSignal): Promise<void> {
    const end = Date.now() + answerMs
    while ((this.#timer !== undefined || this.#outstanding > 0) && Date.now() < end)
      await sleep(20, undefined, { signal })
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#agent.destroy()
  }
}
