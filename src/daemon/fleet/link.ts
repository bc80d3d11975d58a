/** This host's profiles and those of its peers: digests told, bodies given, binaries compared. */
import {
  binaries,
  type FileChange,
  type FleetBinary,
  type PackageManager,
  type SavedWeek,
  type StabilityHour,
} from '#fleet'
import type { SensorEvent } from '#sensor'
import type { Repository } from '#store'
import type { FleetConfig } from '../config.ts'
import { oneLine } from '../errors.ts'
import type { ProfileSaves } from '../profiles/saves.ts'
import type { KeptAdoption } from './adopted.ts'
import { Adopting } from './adopting.ts'
import { Answerer } from './answering.ts'
import { Asking } from './asking.ts'
import { FleetComparer, type FleetComparison } from './comparing.ts'
import { gatherFor } from './gather.ts'
import type { FleetHost } from './host.ts'
import { OwnFleet } from './own.ts'
import type { HeldPage } from './paging.ts'
import { Reporting } from './reporting.ts'
import { Upgrades } from './upgrades.ts'

const inventoryRounds = 12

export interface FleetPorts {
  host: FleetHost
  saves: ProfileSaves
  records: <Value>(kind: string) => Repository<string, Value>
  say: (level: 1 | 2 | 3 | 4, line: string) => void
  managers?: readonly PackageManager[] | undefined
  config: FleetConfig
}

export class FleetLink {
  readonly #ports: FleetPorts
  readonly own: OwnFleet
  readonly upgrades: Upgrades
  readonly answerer: Answerer
  readonly asking: Asking
  readonly reporting: Reporting
  readonly adopting: Adopting
  readonly #comparer: FleetComparer
  #announcing: Promise<void> | undefined
  /** Rounds that the inventory has waited for. */
  #waited = 0

  constructor(ports: FleetPorts) {
    const { host, saves, records, say, managers, config } = ports
    this.#ports = ports
    this.own = new OwnFleet({
      ...{ host, saves, managers, hidden: config.private },
      activity: records<SavedWeek>('activity'),
      complain: (line) => say(1, line),
      onTransaction: ({ manager, changed }) =>
        say(4, `${manager} changed what is installed: ${changed.length} programs with a profile here`),
    })
    this.upgrades = new Upgrades({
      ...{ host, saves, say },
      own: this.own,
      kept: records<FileChange>('changes'),
    })
    this.answerer = new Answerer({ host, own: this.own, hidden: config.private })
    this.adopting = new Adopting({
      ...{ host, own: this.own, config, say },
      kept: records<KeptAdoption>('adopted'),
    })
    this.asking = new Asking({
      ...{ host, own: this.own, config, say },
      kept: records<HeldPage>('paging'),
      learn: (incident, quorum) => this.adopting.learn(incident, quorum),
    })
    this.#comparer = new FleetComparer(host, this.own)
    this.reporting = new Reporting(host, this.own, this.#comparer, records<StabilityHour[]>('stability'))
  }

  async restore(): Promise<void> {
    await this.own.restore()
    await this.upgrades.restore()
    await this.reporting.restore()
    await this.adopting.restore()
    await this.asking.restore()
  }

  /** Events of the sensor, in order, with the program they are about. */
  event(event: SensorEvent): void {
    if (event.type === 'identity' || event.type === 'file-changed')
      void this.upgrades
        .take(event)
        .catch((error) => this.#ports.say(1, `a changed file was not looked at: ${oneLine(error)}`))
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
      await this.upgrades.keepHouse()
      await this.reporting.keepHouse()
      await this.#announce()
      await this.adopting.keepHouse()
    } catch (error) {
      this.#ports.say(1, `the fleet's round was not finished: ${oneLine(error)}; the next is in 5 s`)
    }
  }

  /** Tells the mesh of what is saved; the exchange keeps its own rate. */
  async #announce(): Promise<void> {
    const { host, say } = this.#ports
    const { exchange, placed } = host.mesh
    if (!exchange || !placed) return
    const rows = this.own.announceable()
    if (placed.settle(host.mesh.mesh.members().length, rows.length)) {
      const { gossipsDigests } = placed.placement
      say(
        2,
        `digests are ${gossipsDigests ? 'gossiped to all members' : 'kept by chosen members'} from now on`,
      )
      // What was signed for whoever asks has not been gossiped; the other way round it can be asked for already.
      if (gossipsDigests) exchange.tellAnew()
    }
    const { error, published } = await exchange.announce(rows, (row) => this.own.digestOf(row))
    if (error) say(1, `a digest was not published: ${error.message}; it is tried again`)
    // An inventory of half of them would have others forget the rest: what is still being signed is waited for a minute.
    this.#waited = published > 0 ? this.#waited + 1 : 0
    if (this.#waited === 0 || this.#waited > inventoryRounds) {
      const fault = await placed.tell()
      if (fault) say(1, `the inventory was not published: ${fault.message}; it is tried again`)
    }
    placed.pull(rows.map(({ sha256, abi, window }) => ({ content: sha256, abi, window })))
  }

  /** Where digests are, of how many, and what is pulled and kept; null in no mesh. */
  status(): Record<string, unknown> | null {
    const { placed, digests } = this.#ports.host.mesh
    return placed ? { ...placed.gauge(), digests: digests.gauge() } : null
  }

  async binaries(): Promise<FleetBinary[]> {
    const { host } = this.#ports
    const { mesh, meshName } = host
    await gatherFor(host, 'all')
    const own = { name: meshName, peer: mesh.peer, digests: this.own.digests() }
    return binaries(mesh.digests, own, this.own.sketchKey, mesh.placed?.inventory.rows())
  }

  compare(binary: string, names: string[], exact?: boolean): Promise<FleetComparison> {
    return this.#comparer.compare(binary, names, exact)
  }

  async stop(): Promise<void> {
    await this.#announcing
    await this.asking.stop()
    await this.own.save().catch(() => {})
    await this.reporting.save().catch(() => {})
  }
}
