import type { BinarySemaphore } from './about-binary.ts'
import type { FileSemaphore } from './about-file.ts'
import type { HostSemaphore } from './about-host.ts'
import type { ObservableSemaphore } from './about-observable.ts'
import { type About, contentOf, readSemaphore, type SemaphoreBody } from './semaphore.ts'
import { higher } from './severity.ts'
import type { Severity } from './types.ts'

/** What of a mesh record a warning is made of. The signature has been checked; the body is whatever its author said. */
export interface SemaphoreRecord {
  key: string
  /** PeerId of the author, and the name its certificate gives it. */
  peer: string
  name: string
  made: number
  expires: number
  received: number
  body: unknown
}

export type WarningState = 'standing' | 'acknowledged' | 'cleared' | 'expired'

/** A semaphore of another host. What it holds besides depends on what it is about. Times in ms since the epoch. */
export interface Warning
  extends Partial<
      Pick<BinarySemaphore, 'sha256' | 'abi' | 'window' | 'anomalous' | 'maxLfc' | 'bits' | 'pairs'>
    >,
    Partial<Pick<FileSemaphore, 'before'>>,
    Partial<Pick<ObservableSemaphore, 'value' | 'expected' | 'sigmas'>>,
    Partial<Pick<HostSemaphore, 'detail'>> {
  host: string
  peer: string
  about: About
  kind: string
  subject: string
  severity: Severity
  /** Since when, by its host's clock. */
  since?: number
  /** When it reached this host first, by this host's clock. */
  raised: number
  expires: number
  state: WarningState
  /** How many other hosts say it now: of the same file content, of the same observable and direction, of themselves. */
  corroborated: number
  /** Who they are, by the names of their certificates; some of them where they are many. */
  corroboratedBy: string[]
}

export type Applied =
  | { ok: true; change: 'raised' | 'refreshed' | 'cleared' | 'expired'; warning: Warning; own: boolean }
  | { ok: false; reason: string }

interface Held {
  record: SemaphoreRecord
  body: SemaphoreBody
  raised: number
  state: WarningState
}

export interface WarningLimits {
  /** Warnings of one host at most; another is refused. */
  perPeer: number
  /** In all; above it the host that holds most gives up its oldest. */
  inAll: number
}

export const warningLimits: WarningLimits = { perPeer: 256, inAll: 10_000 }
/** Hosts and reasons for which refusals are counted apart. */
const refusingPeers = 4096

/** What a record says, as a warning that nobody else bears out; or why it is none. */
export function warningFrom(
  record: SemaphoreRecord,
): { ok: true; warning: Warning } | { ok: false; reason: string } {
  const read = readSemaphore(record.body)
  if (!read.ok) return read
  return {
    ok: true,
    warning: warningOf({ record, body: read.body, raised: record.received, state: 'standing' }),
  }
}

/** What an operator decided of a warning that stands: kept, since the mesh says the same again after a restart. */
export interface WarningVerdict {
  peer: string
  key: string
  state: 'acknowledged' | 'cleared'
  /** Of what was decided about; something worse is a warning again. */
  severity: Severity
}

/**
 * The semaphores that stand on the mesh. Those of this host bear others out and are not listed. Nothing here acts on
 * any of them.
 */
export class WarningBook {
  readonly #own: string
  readonly #limits: WarningLimits
  readonly #peers = new Map<string, Map<string, Held>>()
  readonly #refused = new Map<string, Map<string, number>>()
  /** Of warnings that have not come again yet. */
  readonly #decided = new Map<string, WarningVerdict>()
  #size = 0
  #evicted = 0

  /** @param own PeerId of this host */
  constructor(own: string, limits: Partial<WarningLimits> = {}) {
    this.#own = own
    this.#limits = { ...warningLimits, ...limits }
  }

  apply(
    change: 'raised' | 'refreshed' | 'cleared' | 'expired',
    record: SemaphoreRecord,
    now: number,
  ): Applied {
    const held = this.#peers.get(record.peer)?.get(record.key)
    if (change === 'cleared' || change === 'expired') {
      if (!held) return { ok: false, reason: 'nothing stood under that key' }
      this.#remove(record.peer, record.key)
      return this.#told(change, { ...held, state: change }, now)
    }
    const read = readSemaphore(record.body)
    if (!read.ok) return this.#refuse(record.peer, read.reason)
    if (record.expires <= now) return this.#refuse(record.peer, 'it has expired')
    if (held) {
      if (higher(read.body.severity, held.body.severity)) held.state = 'standing'
      Object.assign(held, { record, body: read.body })
      return this.#told('refreshed', held, now)
    }
    if ((this.#peers.get(record.peer)?.size ?? 0) >= this.#limits.perPeer)
      return this.#refuse(record.peer, `more than ${this.#limits.perPeer} of one host`)
    const state = this.#decision(record, read.body.severity)
    const fresh: Held = { record, body: read.body, raised: record.received, state }
    this.#add(fresh)
    return this.#told('raised', fresh, now)
  }

  /** Removes what has run out and tells of those of other hosts. */
  expire(now: number): Warning[] {
    const gone: Held[] = []
    for (const [peer, held] of this.#peers)
      for (const [key, one] of held)
        if (one.record.expires <= now) {
          this.#remove(peer, key)
          gone.push({ ...one, state: 'expired' })
        }
    return gone.filter(({ record }) => record.peer !== this.#own).map((one) => this.#warning(one, now))
  }

  /** An operator has seen it; it is shown as such until its host says something worse. */
  acknowledge(peer: string, kind: string, subject: string): number {
    let acknowledged = 0
    for (const one of this.#peers.get(peer)?.values() ?? [])
      if (one.body.kind === kind && one.body.subject === subject && one.state === 'standing') {
        one.state = 'acknowledged'
        acknowledged++
      }
    return acknowledged
  }

  /** An operator has dealt with it here: it is shown and counted no more until its host says something worse. */
  dismiss(peer: string, kind: string, subject: string): number {
    let dismissed = 0
    for (const one of this.#peers.get(peer)?.values() ?? [])
      if (one.body.kind === kind && one.body.subject === subject && one.state !== 'cleared') {
        one.state = 'cleared'
        dismissed++
      }
    return dismissed
  }

  /** What was decided of warnings that stand. */
  verdicts(): WarningVerdict[] {
    const held = [...this.#peers].flatMap(([peer, of]) => [...of].map(([key, one]) => ({ peer, key, one })))
    return held.flatMap(({ peer, key, one: { state, body } }) =>
      state === 'acknowledged' || state === 'cleared' ? [{ peer, key, state, severity: body.severity }] : [],
    )
  }

  /** Takes what `verdicts` told before a restart; each holds for the warning it is about when that comes again. */
  remember(verdicts: readonly WarningVerdict[]): void {
    for (const verdict of verdicts.slice(0, this.#limits.inAll))
      this.#decided.set(`${verdict.peer}\0${verdict.key}`, verdict)
  }

  #decision({ peer, key }: SemaphoreRecord, severity: Severity): Held['state'] {
    const name = `${peer}\0${key}`
    const decided = this.#decided.get(name)
    this.#decided.delete(name)
    return decided && !higher(severity, decided.severity) ? decided.state : 'standing'
  }

  /** What stands and waits to be dealt with, this host's own included. */
  voices(now: number): Warning[] {
    return [...this.#peers.values()]
      .flatMap((held) => [...held.values()])
      .filter(({ record, state }) => record.expires > now && state === 'standing')
      .map((one) => warningOf(one))
  }

  /** Newest first. */
  list(now: number): Warning[] {
    const support = this.#support(now)
    return [...this.#peers]
      .filter(([peer]) => peer !== this.#own)
      .flatMap(([, held]) => [...held.values()])
      .filter(({ record, state }) => record.expires > now && state !== 'cleared')
      .map((one) => warningOf(one, othersThan(one, support.get(contentOf(one.body) ?? ''))))
      .sort((a, b) => b.raised - a.raised)
  }

  gauge(): {
    semaphores: number
    limit: number
    evicted: number
    refused: Record<string, Record<string, number>>
  } {
    const refused = [...this.#refused].map(([peer, reasons]) => [peer, Object.fromEntries(reasons)] as const)
    return {
      semaphores: this.#size,
      limit: this.#limits.inAll,
      evicted: this.#evicted,
      refused: Object.fromEntries(refused),
    }
  }

  #told(change: 'raised' | 'refreshed' | 'cleared' | 'expired', held: Held, now: number): Applied {
    return { ok: true, change, warning: this.#warning(held, now), own: held.record.peer === this.#own }
  }

  #warning(held: Held, now: number): Warning {
    return warningOf(held, othersThan(held, this.#support(now).get(contentOf(held.body) ?? '')))
  }

  /** For each kind and content, who has a semaphore on it now. Hosts, not semaphores: one host is one voice. */
  #support(now: number): Support {
    const support: Support = new Map()
    for (const [peer, held] of this.#peers)
      for (const { body, record } of held.values()) {
        const content = contentOf(body)
        if (content === undefined || record.expires <= now) continue
        const peers = support.get(content) ?? new Map<string, string>()
        support.set(content, peers.set(peer, record.name))
      }
    return support
  }

  #add(held: Held): void {
    const { peer, key } = held.record
    const of = this.#peers.get(peer) ?? new Map<string, Held>()
    this.#peers.set(peer, of.set(key, held))
    this.#size++
    if (this.#size <= this.#limits.inAll) return
    const [loudest, most] = [...this.#peers].reduce((a, b) => (b[1].size > a[1].size ? b : a))
    this.#remove(loudest, most.keys().next().value as string)
    this.#evicted++
  }

  #remove(peer: string, key: string): void {
    const of = this.#peers.get(peer)
    if (!of?.delete(key)) return
    this.#size--
    if (of.size === 0) this.#peers.delete(peer)
  }

  #refuse(peer: string, reason: string): { ok: false; reason: string } {
    const reasons = this.#refused.get(peer) ?? new Map<string, number>()
    // A liar can vary what is wrong: by field, not by every text.
    const field = reason.split(':')[0] as string
    if (this.#refused.size < refusingPeers || this.#refused.has(peer))
      this.#refused.set(peer, reasons.set(field, (reasons.get(field) ?? 0) + 1))
    return { ok: false, reason }
  }
}

/** By content: PeerId and name of every host that says it. */
type Support = Map<string, Map<string, string>>

const namesMost = 16

function othersThan({ record }: Held, peers: Map<string, string> | undefined): string[] {
  return [...(peers ?? [])].filter(([peer]) => peer !== record.peer).map(([, name]) => name)
}

function warningOf({ record, body, raised, state }: Held, others: readonly string[] = []): Warning {
  const { firstSeen, lastSeen: _, ...said } = body
  return {
    host: record.name,
    peer: record.peer,
    ...said,
    since: firstSeen,
    raised,
    expires: record.expires,
    state,
    corroborated: others.length,
    corroboratedBy: [...others].sort().slice(0, namesMost),
  }
}
