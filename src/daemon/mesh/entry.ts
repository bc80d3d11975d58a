/** How this host gets on the mesh: founds one, joins one, and opens the one it is a member of as soon as that is possible. */
import { initMesh, joinMesh } from '#mesh'
import { DaemonError, exitOf, oneLine } from '../errors.ts'
import type { Messages } from '../messages.ts'
import type { MeshLink } from './link.ts'

/** Between two tries to open the mesh of a host that should be on one. */
export const meshEveryMs = 5000

export interface MeshEntryPorts {
  link: MeshLink
  /** Where keys and certificates are. */
  folder: string
  /** This host's name, unless another is given. */
  name: string
  version: string
  messages: Messages
  now: () => number
}

export class MeshEntry {
  readonly #ports: MeshEntryPorts
  #opening: Promise<boolean> | undefined
  /** What was said last of a mesh that cannot be opened. */
  #said: string | undefined

  constructor(ports: MeshEntryPorts) {
    this.#ports = ports
  }

  async init(name = this.#ports.name): Promise<{ id: string; peer: string; name: string }> {
    const { folder, now } = this.#ports
    const founded = await initMesh({ folder, name, now: now() })
    await this.#enter(`mesh ${founded.id} is founded`)
    return founded
  }

  async join(
    token: string,
    name = this.#ports.name,
  ): Promise<{ id: string; peer: string; name: string; members: number }> {
    const { folder, link, now, version } = this.#ports
    const open = async () => {
      await this.#enter('the mesh is joined')
      return link.mesh
    }
    return await joinMesh({ folder, token, name, now: now(), version, open })
  }

  async #enter(done: string): Promise<void> {
    try {
      await this.#open()
    } catch (error) {
      throw new DaemonError(
        `${done}, but this host is not on it yet: ${oneLine(error)}; it is tried again every ${meshEveryMs / 1000} s`,
        exitOf(error),
      )
    }
  }

  #open(): Promise<boolean> {
    this.#opening ??= this.#ports.link.open().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  /** Opens a mesh that was founded or joined while nobody answered the command, or whose port was taken then. */
  async look(): Promise<void> {
    if (this.#ports.link.status()) return
    try {
      await this.#open()
      this.#said = undefined
    } catch (error) {
      const line = `the mesh is not open: ${oneLine(error)}`
      if (line !== this.#said) this.#ports.messages.say(1, line)
      this.#said = line
    }
  }

  /** How long members take to answer, in ms: asked for a profile nobody has. */
  ping(names: string[]): Promise<{ name: string; peer: string; ms?: number; error?: string }[]> {
    const { link } = this.#ports
    return Promise.all(
      link.members(names).map(async ({ name, peer }) => {
        const began = performance.now()
        try {
          await link.askNothing(peer)
          return { name, peer, ms: Math.round((performance.now() - began) * 10) / 10 }
        } catch (error) {
          return { name, peer, error: (error as Error).message }
        }
      }),
    )
  }
}
