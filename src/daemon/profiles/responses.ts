/** What the operator said of a binary, delay or ignore: of its path, whatever file stands there, run or not. */
import type { Response } from '#homeostasis'
import type { Repository } from '#store'
import { DaemonError } from '../errors.ts'
import type { DaemonSettings } from '../settings.ts'

/** Binaries of which something is said, at most. */
export const RESPONSES_LIMIT = 4096

export class BinaryResponses {
  readonly #saved: Repository<string, Response>
  readonly #settings: () => DaemonSettings
  readonly #said = new Map<string, Response>()
  /** Units by binary, of delays that an agent run asked for and that end by themselves. Never saved. */
  readonly leased = new Map<string, number>()
  /** Until when something of a binary is tolerated, ms; 0: nothing is. The kernel cannot see what, and delays none of it. */
  excused: (binary: string) => number = () => 0

  constructor(saved: Repository<string, Response>, settings: () => DaemonSettings) {
    this.#saved = saved
    this.#settings = settings
  }

  async read(): Promise<void> {
    for await (const [binary, response] of this.#saved.list())
      if (response === 'delay' || response === 'ignore') this.#said.set(binary, response)
  }

  /** @throws DaemonError at the limit */
  async say(binary: string, response: Response | undefined): Promise<void> {
    if (response === undefined) {
      await this.#saved.del(binary)
      this.#said.delete(binary)
      return
    }
    if (!this.#said.has(binary) && this.#said.size >= RESPONSES_LIMIT)
      throw new DaemonError(
        `${binary}: ${RESPONSES_LIMIT} binaries have a response of their own, which is the most: take one back with lymph profile ignore BINARY --unset`,
      )
    await this.#saved.put(binary, response)
    this.#said.set(binary, response)
  }

  /** Undefined: nothing was said of it. */
  said(binary: string): Response | undefined {
    return this.#said.get(binary)
  }

  /** Whether it gets another response than the default says. */
  differs(binary: string): boolean {
    return this.#said.has(binary) || this.leased.has(binary) || this.excused(binary) > 0
  }

  of(binary: string): Response {
    return this.#said.get(binary) ?? this.#settings().defaultResponse
  }

  /** Unit of its delay in ms; 0: ignore. An agent's lease, while it lasts, outranks what was said. */
  unitMs(binary: string): number {
    const { delayFactor, jiffyMs } = this.#settings()
    if (this.excused(binary) > 0) return 0
    const leased = this.leased.get(binary)
    if (leased !== undefined) return leased
    return this.of(binary) === 'delay' ? delayFactor * jiffyMs : 0
  }
}
