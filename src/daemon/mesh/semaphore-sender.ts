/** Tells the mesh of what stands on this host, one thing after the other, and takes back what is over. */
import { type About, Outgoing, type SemaphoreBody, weightOf } from '#incidents'
import type { Mesh } from '#mesh'

/** How long a semaphore stands that is not told again. */
export const semaphoreTtlMs = 15 * 60_000

export interface SenderPorts {
  now: () => number
  say: (level: 1 | 2 | 3 | 4, line: string) => void
}

export class SemaphoreSender {
  readonly #ports: SenderPorts
  readonly #out = new Outgoing(semaphoreTtlMs)
  #sending: Promise<void> | undefined

  constructor(ports: SenderPorts) {
    this.#ports = ports
  }

  /** All that stands of one kind of subject: new and worse at once, others seldom. Resolves when what is due has been said. */
  stand(about: About, bodies: readonly SemaphoreBody[], mesh: Mesh | undefined): Promise<void> {
    this.#out.stand(about, bodies)
    if (!mesh) return Promise.resolve()
    this.#sending ??= this.#send(mesh).finally(() => {
      this.#sending = undefined
    })
    return this.#sending
  }

  /** What this host said before a restart: told again or cleared by what stands now. */
  heard(key: string, body: SemaphoreBody, at: number): void {
    this.#out.heard(key, body, at)
  }

  /** The mesh is left: nothing has been said any more. Resolves when nothing is being said. */
  async end(): Promise<void> {
    this.#out.reset()
    await this.#sending
  }

  async #send(mesh: Mesh): Promise<void> {
    const { now, say } = this.#ports
    try {
      // What stands may have changed while something was said.
      for (let [next] = this.#out.due(now()); next; [next] = this.#out.due(now())) {
        const { key, body } = next
        if (body === undefined) {
          await mesh.clear('semaphore', key)
          this.#out.cleared(key)
        } else {
          await mesh.publish('semaphore', key, body, semaphoreTtlMs, weightOf(body.severity))
          this.#out.published(key, body, now())
        }
      }
    } catch (error) {
      say(1, `a semaphore was not published: ${(error as Error).message}; it is tried again`)
    }
  }
}
