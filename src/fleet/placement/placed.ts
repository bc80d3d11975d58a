/**
 * Where this host's digests are and whose it keeps: gossiped to all, or told of in an inventory and pulled by name. Hosts
 * need not agree: whoever gossips is heard by all, and whoever tells an inventory is pulled from by those who gossip too.
 */
import type { DigestBook } from '../book.ts'
import { FleetError } from '../errors.ts'
import type { Digest } from '../types.ts'
import { PlacementChoice, type PlacementSetting } from './choice.ts'
import { type Gathered, Gathering, type Selection } from './gathering.ts'
import { type ContentKey, Inventory } from './inventory.ts'
import { nearest, type Placement } from './placement.ts'
import { PullPlan } from './plan.ts'
import { Puller, type PullerPorts } from './puller.ts'
import { decodePart, rowOf } from './rows.ts'
import { Shelf } from './shelf.ts'

/** Requests of this host's own accord: at one time, and in a minute. */
const atOnce = 4
const aMinute = 60
const pruneEveryMs = 60_000

export interface PlacedPorts extends Omit<PullerPorts, 'inventory' | 'shelf'> {
  setting: PlacementSetting
  neighbours: number
  /** Tells the mesh of a part of the inventory, or takes it back. */
  publish: (part: number, body: unknown, ttlMs: number) => Promise<void>
  clear: (part: number) => Promise<void>
}

export interface InventoryRecord {
  key: string
  peer: string
  body: unknown
}

export class PlacedDigests {
  readonly #ports: PlacedPorts
  readonly inventory = new Inventory()
  readonly shelf = new Shelf()
  readonly puller: Puller
  readonly #choice: PlacementChoice
  readonly #plan: PullPlan
  readonly #gathering: Gathering
  #running = 0
  #minute = 0
  #spent = 0
  #pruned = 0

  constructor(ports: PlacedPorts) {
    this.#ports = ports
    const { inventory, shelf } = this
    this.puller = new Puller({ ...ports, inventory, shelf })
    this.#choice = new PlacementChoice(ports.setting, ports.neighbours)
    this.#plan = new PullPlan({ inventory, book: ports.book, puller: this.puller })
    this.#gathering = new Gathering({ ...ports, inventory, puller: this.puller })
  }

  get placement(): Placement {
    return this.#choice.placement
  }

  /** What a member says it has. What does not hold is refused and counted, and what stood in its place is gone. */
  take(change: 'raised' | 'refreshed' | 'cleared' | 'expired', record: InventoryRecord): void {
    const { refusals, now } = this.#ports
    const { key, peer, body } = record
    if (peer === this.#ports.self()) return
    const told = change === 'raised' || change === 'refreshed'
    try {
      const { part, rows } = decodePart(key, told ? body : { v: 1, r: new Uint8Array() }, peer, now())
      const before = told ? new Set(this.inventory.ids(peer, part)) : new Set<string>()
      if (told) this.inventory.announce(peer, rows, part)
      else this.inventory.forget(peer, part)
      // A profile that is no more: its digest goes. Of a part that ran out, or was taken back, digests stand for their time.
      for (const { id } of rows) before.delete(id)
      if (before.size > 0) this.#drop(peer, before)
    } catch (error) {
      if (!(error instanceof FleetError)) throw error
      refusals.add(error)
      if (/^\d{1,2}$/.test(key)) this.inventory.forget(peer, Number(key))
    }
  }

  /** A member that left or was revoked. */
  forget(peer: string): void {
    this.inventory.forget(peer)
    this.#plan.forget(peer)
  }

  /** Signed and due: on the shelf. */
  put(key: string, digest: Digest, envelope: Uint8Array): void {
    this.shelf.put(key, rowOf(digest), envelope)
  }

  /**
   * Chooses the placement. Call it every few seconds.
   * @param members of the mesh, this host included
   * @param own how many digests this host tells
   * @returns whether it is another now: all digests are to be told anew
   */
  settle(members: number, own: number): boolean {
    const { book, now, self } = this.#ports
    const { rows } = this.inventory.gauge()
    let gossiped = 0
    for (const { way } of book().all()) if (way === 'gossiped') gossiped++
    return this.#choice.settle(self(), members, own + rows + gossiped, now())
  }

  /** Tells the mesh what is new of this host's inventory, or takes it back where digests are gossiped. @returns what went wrong first */
  async tell(): Promise<Error | undefined> {
    const { publish, clear, now } = this.#ports
    const { ttlMs } = this.shelf.settings
    const gossips = this.placement.gossipsDigests
    const due = gossips ? { publish: [], clear: this.shelf.told() } : this.shelf.due(now())
    try {
      for (const { part, body } of due.publish) {
        await publish(part, body, ttlMs)
        this.shelf.published(part, body, now())
      }
      for (const part of due.clear) {
        await clear(part)
        this.shelf.cleared(part)
      }
      return undefined
    } catch (error) {
      return error as Error
    }
  }

  /**
   * Looks for what is to be pulled and begins some of it; call it every few seconds. What is not to be kept goes.
   * @param own contents this host has profiles of
   */
  pull(own: readonly ContentKey[]): void {
    const { now, book } = this.#ports
    this.#plan.look(this.placement, own, now())
    if (now() - this.#pruned >= pruneEveryMs) {
      this.#pruned = now()
      for (const held of this.#plan.surplus(this.placement, now())) book().drop(held)
    }
    while (this.#running < atOnce) if (!this.#begin()) return
  }

  /** Fetches the digests that a command needs, within its time, and says which could not be had. */
  gather(selection: Selection, withinMs?: number): Promise<Gathered> {
    return this.#gathering.gather(selection, withinMs)
  }

  /** Whom a question about a content may go to, of those that have it: nobody can make himself one of them. */
  neighbours(content: string, holders: readonly string[], least: number): string[] {
    const { self, now, neighbours } = this.#ports
    if (this.placement.name === 'everywhere') return [...holders]
    return nearest(self(), content, holders, now(), Math.max(neighbours, least))
  }

  gauge() {
    return {
      ...this.#choice.gauge(),
      neighbours: this.#ports.neighbours,
      inventory: this.inventory.gauge(),
      shelf: this.shelf.gauge(),
      plan: this.#plan.gauge(),
      pulls: { ...this.puller.gauge(), running: this.#running },
    }
  }

  /** False: nothing waits, or this minute's requests are made. */
  #begin(): boolean {
    const now = this.#ports.now()
    if (now - this.#minute >= 60_000 || now < this.#minute) {
      this.#minute = now
      this.#spent = 0
    }
    if (this.#spent >= aMinute) return false
    const next = this.#plan.take()
    if (!next) return false
    this.#spent++
    this.#running++
    void this.puller
      .pull(next.author, next.rows)
      .catch(() => {})
      .finally(() => {
        this.#running--
        this.#begin()
      })
    return true
  }

  #drop(peer: string, ids: ReadonlySet<string>): void {
    const book: DigestBook = this.#ports.book()
    for (const id of ids) {
      const held = book.find(peer, id)
      if (held) book.drop(held)
    }
  }
}
