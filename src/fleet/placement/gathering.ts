/** Digests fetched because a command needs them: as many as there are up to a bound, within a time, a few hosts at once. */
import type { DigestBook } from '../book.ts'
import type { ContentKey, HeldRow, Inventory } from './inventory.ts'
import { nearest } from './placement.ts'
import { PULLED_MOST } from './pull-wire.ts'
import type { Missing, Puller } from './puller.ts'
import { nameHash } from './rows.ts'

/** Hosts looked at for one program; of more those nearest to this host, whom nobody can choose to be. */
export const GATHERED_HOSTS = 256
/** Digests fetched for a list of all programs; beyond it one for each content. */
const GATHERED_ALL = 4096
const atOnce = 8
const withinDefaultMs = 10_000

/** A program by its path or the last part of it, of all members or those named; a content, of at most so many hosts; all there are. */
export type Selection =
  | { name: string; peers?: readonly string[] }
  | { content: ContentKey; hosts?: number }
  | 'all'

export interface Gathered {
  /** Rows whose digests were asked for and could not be had, each with why. */
  missing: Missing[]
  /** Hosts that have the program and were not looked at: there are more than are. */
  passedOver: number
}

export interface GatheringPorts {
  now: () => number
  self: () => string
  inventory: Inventory
  puller: Puller
  book: () => DigestBook
}

export class Gathering {
  readonly #ports: GatheringPorts

  constructor(ports: GatheringPorts) {
    this.#ports = ports
  }

  async gather(selection: Selection, withinMs = withinDefaultMs): Promise<Gathered> {
    const { rows, passedOver } = this.#rowsOf(selection)
    const { now, puller } = this.#ports
    const until = now() + withinMs
    const byAuthor = new Map<string, HeldRow[]>()
    for (const row of rows) {
      if (!puller.lacks(row)) continue
      byAuthor.set(row.peer, [...(byAuthor.get(row.peer) ?? []), row])
    }
    const batches = [...byAuthor].flatMap(([author, of]) =>
      chunks(of).map((part) => ({ author, rows: part })),
    )
    const missing: Missing[] = []
    const late = (author: string, of: HeldRow[], reason: string) =>
      missing.push(...of.filter((row) => puller.lacks(row)).map(({ id }) => ({ peer: author, id, reason })))
    const next = async (): Promise<void> => {
      for (let one = batches.shift(); one; one = batches.shift()) {
        const left = until - now()
        if (left <= 0) {
          late(one.author, one.rows, `not asked within ${withinMs / 1000} s`)
          continue
        }
        const done = await inTime(puller.pull(one.author, one.rows), left)
        if (done) missing.push(...done)
        else late(one.author, one.rows, `no answer within ${withinMs / 1000} s`)
      }
    }
    await Promise.all(Array.from({ length: Math.min(atOnce, batches.length) }, next))
    return { missing, passedOver }
  }

  #rowsOf(selection: Selection): { rows: HeldRow[]; passedOver: number } {
    const { inventory } = this.#ports
    if (selection === 'all') return this.#everything()
    if ('name' in selection) {
      const { name, peers = [] } = selection
      const rows = inventory.named(nameHash(name))
      if (peers.length > 0) return { rows: rows.filter(({ peer }) => peers.includes(peer)), passedOver: 0 }
      return this.#nearest(rows, GATHERED_HOSTS)
    }
    // A question waits for this: what was asked for in vain a short while ago is not asked for again.
    const rows = inventory.of(selection.content).filter((row) => !this.#ports.puller.failing(row))
    return this.#nearest(rows, selection.hosts ?? GATHERED_HOSTS)
  }

  #nearest(rows: HeldRow[], most: number): { rows: HeldRow[]; passedOver: number } {
    const peers = [...new Set(rows.map(({ peer }) => peer))]
    const [first] = rows
    if (!first || peers.length <= most) return { rows, passedOver: 0 }
    const { self, now } = this.#ports
    const chosen = new Set(nearest(self(), first.content, peers, now(), most))
    return { rows: rows.filter(({ peer }) => chosen.has(peer)), passedOver: peers.length - chosen.size }
  }

  /** Where there is too much of it: a digest of each content, so that each program has its name. */
  #everything(): { rows: HeldRow[]; passedOver: number } {
    const { inventory, book } = this.#ports
    if (inventory.gauge().rows <= GATHERED_ALL) return { rows: [...inventory.rows()], passedOver: 0 }
    const named = new Set([...book().all()].map(({ id }) => id))
    const rows: HeldRow[] = []
    for (const row of inventory.rows()) {
      if (named.has(row.id) || rows.length >= GATHERED_ALL) continue
      named.add(row.id)
      rows.push(row)
    }
    return { rows, passedOver: 0 }
  }
}

function chunks(rows: HeldRow[]): HeldRow[][] {
  const out: HeldRow[][] = []
  for (let at = 0; at < rows.length; at += PULLED_MOST) out.push(rows.slice(at, at + PULLED_MOST))
  return out
}

function inTime<Value>(work: Promise<Value>, ms: number): Promise<Value | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), ms)
    const done = (value: Value | undefined) => {
      clearTimeout(timer)
      resolve(value)
    }
    work.then(done, () => done(undefined))
  })
}
