/** What the mesh is told besides incidents: alarms of the environment, and what ails this host. */
import type { ObservableSemaphore } from '#incidents'
import { diskOf, HostSigns, type HostView } from './host-signs.ts'
import type { MeshLink } from './link.ts'

export interface ToldPorts {
  link: MeshLink
  /** Undefined: the environment is switched off. */
  alarms(): ObservableSemaphore[] | undefined
  events(): HostView['events']
  /** The state folder. */
  state: string
  now(): number
}

export class MeshTold {
  readonly #ports: ToldPorts
  readonly #signs = new HostSigns()

  constructor(ports: ToldPorts) {
    this.#ports = ports
  }

  /** Call it every second. */
  settle(): void {
    const { link, alarms, events, state, now } = this.#ports
    if (!link.status()) return
    const observables = alarms()
    if (observables) void link.stand('observable', observables)
    const { name, peer, certificateExpires } = link.mesh.status()
    const members = link.mesh.members()
    const view = {
      name,
      peer,
      certificateExpires,
      members,
      now: now(),
      events: events(),
      disk: diskOf(state),
    }
    void link.stand('host', this.#signs.settle(view))
  }
}
