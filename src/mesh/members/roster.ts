/** The directory as it is told: members with their state, and an event at every change of it. */

import type { Member, MeshEvent } from '../interface.ts'
import type { Writes } from '../records/writes.ts'
import type { Directory, Entry } from './directory.ts'

export interface RosterOptions {
  /** This host's PeerId and version. */
  self: string
  version: string
  directory: Directory
  writes: Writes
  now(): number
  admitted(peer: string): boolean
  emit(event: MeshEvent): void
}

export class Roster {
  readonly #options: RosterOptions

  constructor(options: RosterOptions) {
    this.#options = options
  }

  members(): Member[] {
    return [...this.#options.directory.entries()].map((entry) => this.member(entry))
  }

  /** How many belong to the mesh now, heard or not. */
  get size(): number {
    return this.members().filter(({ state }) => state === 'alive' || state === 'silent').length
  }

  member(entry: Entry): Member {
    const { self, directory, now, admitted, version } = this.#options
    const { peer } = entry.certificate
    const member = directory.member(entry, now(), peer === self || admitted(peer))
    return peer === self ? { ...member, state: 'alive', lastHeard: Math.round(now()), version } : member
  }

  /** An entry is new, or may have changed: keep it, and tell. */
  learnt(entry: Entry): void {
    const { directory, writes } = this.#options
    writes.put(`member/${entry.certificate.peer}`, () => directory.save(entry))
    this.tell(entry)
  }

  /** Tells of a member the first time, then of every change of its state. */
  tell(entry: Entry): void {
    const { self, directory, now, emit } = this.#options
    const state = directory.state(entry, now())
    if (state === entry.told || entry.certificate.peer === self) return
    const change = entry.told === 'new' ? 'joined' : state
    entry.told = state
    emit({ type: 'member', change, member: this.member(entry) })
  }

  /** Its journal is shorter than it was. */
  tellCut(entry: Entry): void {
    if (entry.certificate.peer !== this.#options.self)
      this.#options.emit({ type: 'member', change: 'journal-cut', member: this.member(entry) })
  }

  tellAll(): void {
    for (const entry of this.#options.directory.entries()) this.tell(entry)
  }
}
