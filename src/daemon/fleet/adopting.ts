/**
 * Takes over what the fleet agrees is normal for a program: shown first, then done; by itself only where the config says
 * so. Pairs that were taken over stay marked: nobody is told that this host knows them.
 */
import { randomBytes, randomInt } from 'node:crypto'
import {
  type Adoption,
  adoptedRecord,
  adoption,
  adoptionDefaults,
  adoptionText,
  chooseDonors,
  codesOf,
  FleetProfile,
} from '#fleet'
import {
  actOnRecord,
  decodeProfile,
  emptyTables,
  encodeProfile,
  mergeTables,
  PairTable,
  type ProfileKey,
  type ProfileRecord,
  rowsOf,
  tableInForce,
} from '#homeostasis'
import type { Incident } from '#incidents'
import type { Repository } from '#store'
import type { FleetConfig } from '../config.ts'
import { DaemonError, oneLine } from '../errors.ts'
import { nameOf } from '../profiles/tracked.ts'
import { Adopted, type KeptAdoption } from './adopted.ts'
import { commonKey, donorsOf } from './donors.ts'
import { gatherFor, type LeftOut, peersOf } from './gather.ts'
import type { FleetHost } from './host.ts'
import type { OwnFleet } from './own.ts'

const lookEveryMs = 10_000
/** Plans that were shown and may still be carried out, and for how long. */
const plansKept = 16
const planMs = 10 * 60_000
/** Programs that were looked at for an adoption. */
const offeredLimit = 4096
/** Learning of its own comes first; where processes cannot be told apart, this long of it. */
const ownLearningMs = 3_600_000

export interface Planned {
  /** To be named to carry out exactly this. Absent: nothing can be adopted. */
  plan?: string
  binary: string
  sha256: string
  text: string
  pairs: number
  quorum: number
  donors: string[]
  weak: number
  leftOut: { tooFew: number; young: number }
  refused: LeftOut[]
  adopted: boolean
}

interface Plan {
  at: number
  key: ProfileKey
  record: ProfileRecord
  own: ProfileRecord | undefined
  adoption: Adoption
  planned: Planned
}

export interface AdoptingPorts {
  host: FleetHost
  own: OwnFleet
  kept: Repository<string, KeptAdoption>
  config: FleetConfig
  say: (level: 1 | 2 | 3 | 4, line: string) => void
}

export class Adopting {
  readonly #ports: AdoptingPorts
  readonly #plans = new Map<string, Plan>()
  readonly #adopted: Adopted
  readonly #offered = new Set<string>()
  /** Processes seen running an adopted profile that learns of its own. */
  readonly #pids = new Map<string, Set<number>>()
  #looked = Number.NEGATIVE_INFINITY

  constructor(ports: AdoptingPorts) {
    this.#ports = ports
    this.#adopted = new Adopted(ports.kept)
    ports.own.marked = (record) => this.#adopted.marked(record)
  }

  restore(): Promise<void> {
    return this.#adopted.restore()
  }

  list(): (Omit<KeptAdoption, 'codes'> & { pairs: number })[] {
    return this.#adopted.list().map(({ codes, ...rest }) => ({ ...rest, pairs: codes.length }))
  }

  /** @param from names of members; none: all that have it */
  async plan(binary: string, from: string[]): Promise<Planned> {
    const { host } = this.#ports
    const { mesh, settings } = host
    if (!mesh.exchange) throw new DaemonError('this host is in no mesh: there is nobody to adopt from')
    const file = await host.operator.body({ binary })
    const own = file && decodeProfile(file)
    if (own?.tables.normal)
      throw new DaemonError(
        `${own.key.binary} is normal here already: nothing is adopted; lymph profile tolerize puts it back to learning`,
        1,
      )
    const { leftOut } = await gatherFor(host, { name: binary, peers: peersOf(host, from) })
    const key = own?.key ?? commonKey(host, binary, settings.window)
    const candidates = donorsOf(host, this.#ports.own, key, from)
    const named = new Map(candidates.map(({ peer, name }) => [peer, name]))
    const random = () => randomInt(2 ** 32) / 2 ** 32
    const chosen = chooseDonors(candidates, host.now(), random)
    const nothing = (text: string, refused = leftOut): Planned => ({
      ...{ binary: key.binary, sha256: key.sha256, text, pairs: 0, quorum: 0, donors: [], weak: 0 },
      ...{ leftOut: { tooFew: 0, young: 0 }, refused, adopted: false },
    })
    if ('tooFew' in chosen) return nothing(adoptionText(key.binary, chosen))
    const { binary: path, abi, window, sha256 } = key
    const fetched = await mesh.exchange.fetchAll(
      chosen.donors.map(({ peer, name }) => ({ peer, name })),
      { binary: path, abi, window, sha256 },
    )
    const refused = [
      ...leftOut,
      ...fetched.refused.map(({ peer, message }) => ({
        name: named.get(peer) ?? peer,
        peer,
        reason: message,
      })),
    ]
    const donors = fetched.profiles.filter(
      ({ profile }) => profile.empty === fetched.profiles[0]?.profile.empty,
    )
    const plan = adoption(
      donors.map(({ peer, name, profile }) => ({ peer, name, profile: FleetProfile.of(profile) })),
      host.now(),
    )
    if ('tooFew' in plan) return nothing(adoptionText(key.binary, plan), refused)
    const empty = donors[0]?.profile.empty ?? 'symbol'
    const id = randomBytes(4).toString('hex')
    const planned: Planned = {
      plan: id,
      ...{ binary: key.binary, sha256, text: adoptionText(key.binary, plan), pairs: plan.pairs.size },
      ...{ quorum: plan.quorum, donors: plan.donors.map(({ name }) => name), weak: plan.weak.length },
      ...{ leftOut: plan.leftOut, refused, adopted: false },
    }
    const record = adoptedRecord(key, empty, plan, host.now())
    this.#plans.set(id, { at: host.now(), key, record, own, adoption: plan, planned })
    if (this.#plans.size > plansKept) this.#plans.delete(this.#plans.keys().next().value as string)
    return planned
  }

  /** Carries out a plan that was shown. What this host has learned of its own stays. */
  async carryOut(id: string): Promise<Planned> {
    const { host, say } = this.#ports
    const plan = this.#plans.get(id)
    this.#plans.delete(id)
    if (!plan || host.now() - plan.at > planMs)
      throw new DaemonError(
        `no plan of the last 10 minutes is called "${id}": lymph fleet adopt BINARY --dry-run makes one`,
      )
    const { key, record, adoption: taken, planned } = plan
    const { binary, abi, sha256, window } = key
    // What was learned since the plan was made belongs to it.
    const file = await host.operator.body({ binary, abi, sha256, window })
    const own = file && decodeProfile(file)
    const mine = new Set(own ? codesOf(tableInForce(own)) : [])
    const live = (host.detector?.live.find({ binary, abi, sha256 }) ?? []).length > 0
    const union = own ? mergeTables(own.tables, record.tables) : record.tables
    // No support goes along: what counts processes here would take it for its own. `marked` says what is borrowed.
    const { support: _, ...plain } = record
    const learning: ProfileRecord = { ...plain, tables: { ...union, normal: false } }
    // Where a program runs it, its first own processes are learned silently.
    const merged = live ? learning : actOnRecord(learning, 'normalize', host.now())
    const kept: KeptAdoption = {
      ...{ key, at: host.now(), donors: planned.donors, quorum: taken.quorum, learning: live },
      codes: [...taken.pairs.keys()].filter((code) => !mine.has(code)),
    }
    await this.#adopted.keep(kept)
    await host.operator.import(encodeProfile(merged), binary)
    for (const line of planned.text.split('\n')) say(2, `adopted: ${line}`)
    return { ...planned, adopted: true }
  }

  /** Pairs of an incident that the fleet knows become normal here, marked like adopted ones. */
  async learn(incident: Incident, asked: number): Promise<void> {
    const { host, say } = this.#ports
    const { binary, abi, sha256, window, pairs } = incident
    const key = { binary, abi, sha256, window }
    const table = new PairTable()
    for (const { current, previous, distance } of pairs) table.add(current, previous, distance)
    const tables = { ...emptyTables(), normal: true, rows: rowsOf(table, table) }
    const live = host.detector?.live.find({ binary, abi, sha256 }) ?? []
    if (live.length === 0) return
    const before = this.#adopted.of(key)
    const codes = new Set([...(before?.codes ?? []), ...codesOf(table)])
    const donors = before?.donors ?? []
    const { quorum, learning } = before ?? { quorum: asked, learning: false }
    await this.#adopted.keep({ key, at: host.now(), donors, quorum, codes: [...codes], learning })
    for (const tracked of live) {
      await host.sensor?.load(tracked.id, tables)
      tracked.changed = true
    }
    say(2, `${binary}: ${pairs.length} pairs that the fleet knows are normal here now`)
  }

  /** Call it every few seconds. */
  async keepHouse(): Promise<void> {
    const { host } = this.#ports
    if (host.now() - this.#looked < lookEveryMs) return
    this.#looked = host.now()
    await this.#ownLearning()
    if (host.mesh.exchange) await this.#offer()
  }

  /** Five processes of its own, then what was adopted is in force. */
  async #ownLearning(): Promise<void> {
    const { host, say } = this.#ports
    const learning = this.#adopted.list().filter((one) => one.learning)
    if (learning.length === 0) return
    const running = await host.detector?.processes()
    for (const kept of learning) {
      const name = nameOf(kept.key)
      const pids = this.#pids.get(name) ?? new Set()
      for (const { tracked, pid } of running ?? [])
        if (host.detector?.live.nameOf(tracked) === name && pids.size < adoptionDefaults.ownProcesses)
          pids.add(pid)
      this.#pids.set(name, pids)
      const enough = pids.size >= adoptionDefaults.ownProcesses || host.now() - kept.at >= ownLearningMs
      if (!enough) continue
      this.#pids.delete(name)
      await this.#adopted.keep({ ...kept, learning: false })
      const { binary, abi, sha256, window } = kept.key
      await host.operator.act({ binary, abi, sha256, window }, 'normalize')
      say(2, `${binary}: what was adopted from ${kept.donors.length} hosts is in force`)
    }
  }

  /** Programs that are new here, and that enough others have. */
  async #offer(): Promise<void> {
    const { host, own, config, say } = this.#ports
    if (config.adopt === 'off') return
    for (const { key, name } of this.#fresh()) {
      if (this.#offered.has(name)) continue
      const candidates = donorsOf(host, own, key, [])
      const chosen = chooseDonors(candidates, host.now(), Math.random)
      // Digests may still come: looked at again until there are enough, or it is normal.
      if ('tooFew' in chosen) continue
      if (this.#offered.size >= offeredLimit) this.#offered.clear()
      this.#offered.add(name)
      if (config.adopt === 'ask') {
        say(
          2,
          `${key.binary} is new here, and ${candidates.length} hosts have it: lymph fleet adopt ${key.binary} takes over what they agree on`,
        )
        host.followEvents.tell({ type: 'adoptable', binary: key.binary, hosts: candidates.length })
        continue
      }
      try {
        const { plan, text } = await this.plan(key.binary, [])
        if (plan) await this.carryOut(plan)
        else say(2, text)
      } catch (error) {
        say(1, `${key.binary} was not adopted: ${oneLine(error)}`)
      }
    }
  }

  /** Programs that run and still learn, have no profile of another content here, and were not adopted. */
  *#fresh(): Generator<{ key: ProfileKey; name: string }> {
    const { host } = this.#ports
    const rows = host.operator.rows()
    const paths = new Map<string, number>()
    for (const { binary } of rows) paths.set(binary, (paths.get(binary) ?? 0) + 1)
    for (const { binary, abi, window, sha256, state, tasks } of rows) {
      if (state !== 'learning' || sha256 === '' || tasks === 0 || (paths.get(binary) ?? 0) > 1) continue
      const key = { binary, abi, window, sha256 }
      const name = nameOf(key)
      if (!this.#adopted.of(key)) yield { key, name }
    }
  }
}
