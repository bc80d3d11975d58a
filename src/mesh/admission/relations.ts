/** What follows when a peer is admitted, recovers, is revoked, or misbehaves. */
import type { Administration } from '../administration/administration.ts'
import type { AdminStatement } from '../administration/adminstate.ts'
import type { Directory, Entry } from '../members/directory.ts'
import type { Roster } from '../members/roster.ts'
import type { Ledger } from '../records/ledger.ts'
import type { Synchroniser } from '../sync/synchroniser.ts'
import type { MeshHost } from '../transport/host.ts'
import type { Neighbours } from '../transport/neighbours.ts'
import { directly } from '../transport/reach.ts'
import { Deaf } from './deaf.ts'
import type { Admission } from './hello.ts'
import type { Manners } from './manners.ts'

export interface RelationsOptions {
  self: string
  quiet: boolean
  directory: Directory
  roster: Roster
  neighbours: Neighbours
  manners: Manners
  /** Made after this. */
  parts(): {
    admission: Admission
    administration: Administration
    synchroniser: Synchroniser
    ledger: Ledger
  }
  sayAlive(): Promise<void>
  now(): number
  count(reason: string): void
  log: { warn(message: string): void }
}

export class Relations {
  readonly #options: RelationsOptions
  readonly #deaf = new Deaf()

  constructor(options: RelationsOptions) {
    this.#options = options
  }

  met(entry: Entry, initiator: boolean): void {
    const { roster, neighbours, quiet, parts } = this.#options
    const { admission, administration, synchroniser } = parts()
    const { peer } = entry.certificate
    roster.learnt(entry)
    neighbours.met(peer, admission.peers().length - 1)
    if (quiet) return
    if (initiator) void administration.with(peer)
    synchroniser.greeted(peer, initiator)
  }

  /** Let in only to ask for the newer key: ask, part, and come back with it. */
  async recover({ certificate: { peer } }: Entry): Promise<void> {
    const { admission, administration } = this.#options.parts()
    const before = administration.held()
    await administration.with(peer)
    admission.cut(peer)
    if (administration.held().some((id) => !before.includes(id))) this.#options.neighbours.gone(peer)
  }

  /** The admin log has said something new, or a key has come: whoever is revoked is cut off now, and the others hear of it. */
  ruled(statements: AdminStatement[]): void {
    const { directory, now, self, log, roster, parts, sayAlive } = this.#options
    for (const entry of directory.entries())
      if (directory.state(entry, now()) === 'revoked') {
        parts().admission.cut(entry.certificate.peer)
        if (entry.certificate.peer === self && statements.some(({ op }) => op === 'revoke'))
          log.warn('this host has been revoked from the mesh: nobody talks to it any more')
        if (entry.told !== 'revoked') parts().ledger.withdraw(entry.certificate.peer)
        roster.tell(entry)
      }
    // Those further away see from it that this host knows.
    void sayAlive()
  }

  /** What `peer` passed on was refused: one time too many, and it is kept out for a while. */
  refused(peer: string, reason: string): void {
    const { manners, now, count, directory, log, parts } = this.#options
    if (!manners.refused(peer, reason, now())) return
    count('banned')
    const name = directory.get(peer)?.certificate.name ?? peer
    log.warn(
      `${name} (${peer}) keeps sending what is refused (last: ${reason}) and is kept out for a while; mend it, or lymph mesh revoke it`,
    )
    parts().admission.cut(peer)
  }

  /** Closes the connections on which gossip has died. */
  hear(host: MeshHost): void {
    const { parts, now, count } = this.#options
    const { admission } = parts()
    // Through a relay there is no gossip to miss.
    for (const peer of this.#deaf.look(host, directly(host, admission.peers()), now())) {
      count('deaf')
      admission.cut(peer)
    }
  }

  /** Members without a stream for gossip, just now. */
  get deaf(): number {
    return this.#deaf.size
  }

  /** A sign of life: whoever is ahead of this host's admin log is asked. */
  heard(entry: Entry): void {
    const { roster, parts } = this.#options
    const { admission, administration } = parts()
    const { peer } = entry.certificate
    roster.tell(entry)
    if (admission.admitted(peer)) administration.catchUp(entry)
  }
}
