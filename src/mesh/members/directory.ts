/**
 * The members this host knows: certificates, where they listen, when they were last heard. Part of the state that is
 * synchronised: of two certificates of a member the one that holds longer stands. Pure; the caller persists.
 */
import { z } from 'zod'
import { type Certificate, inForce, openCredential, someBytes } from '../identity/certificate.ts'
import type { JournalMark, Member, MemberState } from '../interface.ts'
import { limits } from '../limits.ts'
import { decode, encode, sha256 } from '../records/codec.ts'

export const addresses = z.array(z.string().max(limits.addressBytes)).max(limits.addresses)

export const journalMark = z.strictObject({
  seq: z.int().nonnegative(),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
})

/** A member as told to others: the certificate proves itself, the addresses are a hint (a dial checks the PeerId). */
const knownMember = z.strictObject({ credential: someBytes(4096), addresses })
export const knownMembers = z.array(knownMember).max(limits.members)
export type KnownMember = z.infer<typeof knownMember>

export interface Entry {
  certificate: Certificate
  /** First 8 bytes of SHA-256 of the credential. */
  print: Uint8Array
  addresses: string[]
  version: string
  lastHeard: number
  /** This member's clock less ours, ms. */
  skewMs: number
  left: boolean
  /** Head of its admin log and ids of the keys it holds, as last heard. */
  adminSeq: number
  ringHeld: string[] | undefined
  /** Does it serve as a relay? As it last said. */
  relays: boolean
  /** How far its journal reached when it was last heard, and when that was less than before (0: never). */
  journal: JournalMark | undefined
  journalCut: number
  /** The state last told to listeners; 'new' before the first. */
  told: MemberState | 'new'
}

const saved = z.strictObject({
  credential: someBytes(4096),
  addresses,
  version: z.string().max(64),
  lastHeard: z.number(),
  skewMs: z.number(),
  left: z.boolean(),
  relays: z.boolean().default(false),
  journal: journalMark.optional(),
  journalCut: z.number().default(0),
})

export interface DirectoryRules {
  root: Uint8Array
  revoked(peer: string, serial: string): boolean
  silentAfter: number
  /** A member whose certificate had expired made room for another. */
  dropped(peer: string): void
}

export class Directory {
  readonly #entries = new Map<string, Entry>()
  readonly #rules: DirectoryRules

  constructor(rules: DirectoryRules) {
    this.#rules = rules
  }

  get(peer: string): Entry | undefined {
    return this.#entries.get(peer)
  }

  *entries(): Generator<Entry> {
    yield* this.#entries.values()
  }

  get size(): number {
    return this.#entries.size
  }

  /**
   * Takes a certificate in. Throws MeshError 'bad-certificate'. Nothing where it is older than the one held, expired, or
   * the directory is full of certificates in force.
   */
  learn(known: KnownMember, now: number): { entry: Entry; change: 'new' | 'renewed' | 'same' } | undefined {
    const print = sha256(known.credential).slice(0, 8)
    const certificate = openCredential(known.credential, this.#rules.root)
    const held = this.#entries.get(certificate.peer)
    if (held !== undefined) {
      if (held.addresses.length === 0) held.addresses = known.addresses
      const longer =
        certificate.notAfter > held.certificate.notAfter ||
        (certificate.notAfter === held.certificate.notAfter && certificate.serial > held.certificate.serial)
      if (!longer) return { entry: held, change: 'same' }
      held.certificate = certificate
      held.print = print
      return { entry: held, change: 'renewed' }
    }
    if (
      inForce(certificate, now) !== undefined ||
      (this.#entries.size >= limits.members && !this.#makeRoom(now))
    )
      return undefined
    const entry: Entry = {
      certificate,
      print,
      addresses: known.addresses,
      version: '',
      lastHeard: 0,
      skewMs: 0,
      left: false,
      adminSeq: 0,
      ringHeld: undefined,
      relays: false,
      journal: undefined,
      journalCut: 0,
      told: 'new',
    }
    this.#entries.set(certificate.peer, entry)
    return { entry, change: 'new' }
  }

  heard(entry: Entry, at: number): void {
    if (at > entry.lastHeard) entry.lastHeard = at
  }

  /** A journal only grows. @returns whether this one is cut: shorter than it was, or another of the same length */
  journal(entry: Entry, told: JournalMark, now: number): boolean {
    const { journal: before } = entry
    entry.journal = told
    const cut =
      before !== undefined &&
      (told.seq < before.seq || (told.seq === before.seq && told.hash !== before.hash))
    if (cut) entry.journalCut = now
    return cut
  }

  state(entry: Entry, now: number): MemberState {
    if (this.#rules.revoked(entry.certificate.peer, entry.certificate.serial)) return 'revoked'
    if (entry.left) return 'left'
    return now - entry.lastHeard <= this.#rules.silentAfter ? 'alive' : 'silent'
  }

  /** May what this member says be believed at `now`? Why not, or nothing. */
  objection(entry: Entry, now: number): string | undefined {
    if (this.#rules.revoked(entry.certificate.peer, entry.certificate.serial))
      return `${entry.certificate.name} is revoked`
    return inForce(entry.certificate, now)
  }

  member(entry: Entry, now: number, connected: boolean): Member {
    return {
      name: entry.certificate.name,
      peer: entry.certificate.peer,
      state: this.state(entry, now),
      lastHeard: entry.lastHeard,
      certificateExpires: entry.certificate.notAfter,
      certificateSince: entry.certificate.notBefore,
      tags: [...entry.certificate.tags],
      version: entry.version,
      skewMs: entry.skewMs,
      connected,
      addresses: [...entry.addresses],
      ...(entry.journal ? { journal: entry.journal } : {}),
      ...(entry.journalCut > 0 ? { journalCut: entry.journalCut } : {}),
    }
  }

  known(entry: Entry): KnownMember {
    return { credential: entry.certificate.credential, addresses: entry.addresses }
  }

  save(entry: Entry): Uint8Array {
    const { certificate, version, lastHeard, skewMs, left, relays, journal, journalCut } = entry
    return encode({
      ...this.known(entry),
      version,
      lastHeard,
      skewMs,
      left,
      relays,
      ...(journal ? { journal } : {}),
      journalCut,
      credential: certificate.credential,
    })
  }

  /** Throws where the bytes are not what `save` gave, or the certificate does not hold. */
  load(content: Uint8Array, now: number): void {
    const { credential, addresses: told, ...rest } = saved.parse(decode(content))
    const learnt = this.learn({ credential, addresses: told }, now)
    if (learnt === undefined) return
    Object.assign(learnt.entry, rest)
    learnt.entry.told = this.state(learnt.entry, now)
  }

  #makeRoom(now: number): boolean {
    for (const [peer, entry] of this.#entries)
      if (inForce(entry.certificate, now) !== undefined) {
        this.#rules.dropped(peer)
        return this.#entries.delete(peer)
      }
    return false
  }
}
