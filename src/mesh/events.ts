/** Who listens to what happens on the mesh. */
import { because } from './errors.ts'
import type { MeshEvent } from './interface.ts'

export class Events {
  readonly #listeners: ((event: MeshEvent) => void)[] = []
  readonly #warn: (line: string) => void
  readonly #after: (event: MeshEvent) => void

  /** @param after this room's own part, once the others have heard */
  constructor(warn: (line: string) => void, after: (event: MeshEvent) => void) {
    this.#warn = warn
    this.#after = after
  }

  on(listener: (event: MeshEvent) => void): void {
    this.#listeners.push(listener)
  }

  readonly emit = (event: MeshEvent): void => {
    for (const listener of this.#listeners)
      try {
        listener(event)
      } catch (error) {
        this.#warn(`a listener to mesh events failed: ${because(error)}`)
      }
    this.#after(event)
  }
}
