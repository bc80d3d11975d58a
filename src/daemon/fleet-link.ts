/** This host's profiles and those of its peers: digests told, bodies given, binaries compared. */
import type { SavedWeek } from '#fleet'
import { binaries, type FleetBinary } from '#fleet'
import type { Repository } from '#store'
import { oneLine } from './errors.ts'
import { FleetComparer, type FleetComparison } from './fleet/comparing.ts'
import { OwnFleet } from './fleet/own.ts'
import type { Host } from './host.ts'
import type { ProfileSaves } from './saves.ts'

export interface FleetPorts {
  host: Host
  saves: ProfileSaves
  records: <Value>(kind: string) => Repository<string, Value>
  say: (level: 1 | 2 | 3 | 4, line: string) => void
}

export class FleetLink {
  readonly #ports: FleetPorts
  readonly own: OwnFleet
  readonly #comparer: FleetComparer
  #announcing: Promise<void> | undefined

  constructor(ports: FleetPorts) {
    const { host, saves, records, say } = ports
    this.#ports = ports
    this.own = new OwnFleet({
      host,
      saves,
      activity: records<SavedWeek>('activity'),
      complain: (line) => say(1, line),
      onTransaction: () => {},
    })
    this.#comparer = new FleetComparer(host, this.own)
  }

  async restore(): Promise<void> {
    await this.own.restore()
  }

  /** Call it every few seconds; each part keeps its own rate. */
  keepHouse(): Promise<void> {
    this.#announcing ??= this.#round().finally(() => {
      this.#announcing = undefined
    })
    return this.#announcing
  }

  async #round(): Promise<void> {
    try {
      await this.own.keepHouse()
      await this.own.look()
      await this.#announce()
    } catch (error) {
      this.#ports.say(1, `the fleet's round was not finished: ${oneLine(error)}; the next is in 5 s`)
    }
  }

  /** Tells the mesh of what is saved; the exchange keeps its own rate. */
  async #announce(): Promise<void> {
    const { exchange } = this.#ports.host.mesh
    if (!exchange) return
    const { error } = await exchange.announce(this.own.rows(), (row) => this.own.digestOf(row))
    if (error) this.#ports.say(1, `a digest was not published: ${error.message}; it is tried again`)
  }

  binaries(): FleetBinary[] {
    const { mesh, meshName } = this.#ports.host
    const own = { name: meshName, peer: mesh.peer, digests: this.own.digests() }
    return binaries(mesh.digests, own, this.own.sketchKey)
  }

  compare(binary: string, names: string[], exact?: boolean): Promise<FleetComparison> {
    return this.#comparer.compare(binary, names, exact)
  }

  async stop(): Promise<void> {
    await this.#announcing
    await this.own.save().catch(() => {})
  }
}
