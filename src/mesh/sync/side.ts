/** What sync sees of a host: its directory and its ledger. */
import { setImmediate } from 'node:timers/promises'
import type { Directory, Entry } from '../members/directory.ts'
import type { Ledger } from '../records/ledger.ts'
import type { Writes } from '../records/writes.ts'
import type { Side } from './sync.ts'

const pendingAtMost = 2000

export interface SideOptions {
  directory: Directory
  ledger: Ledger
  writes: Writes
  now(): number
  learnt(entry: Entry): void
}

/** `taken` counts the records that sync has brought. */
export function sideOf({
  directory,
  ledger,
  writes,
  now,
  learnt: told,
}: SideOptions): Side & { taken: number } {
  const side = {
    taken: 0,
    vector() {
      ledger.sweep()
      // Whoever is revoked is so on both sides, the hello saw to that; what each still holds of it is its own affair.
      return [...directory.entries()]
        .filter((entry) => directory.objection(entry, now()) === undefined)
        .map((entry) => {
          const { peer } = entry.certificate
          return { peer, certificate: entry.print, records: ledger.live.print(peer) }
        })
    },
    *standing(author: string) {
      for (const { statement } of ledger.live.of(author)) yield statement
    },
    member(peer: string) {
      const entry = directory.get(peer)
      return entry && directory.known(entry)
    },
    learn(member: Parameters<Side['learn']>[0]) {
      const learnt = directory.learn(member, now())
      if (learnt !== undefined) told(learnt.entry)
    },
    async take(envelope: Uint8Array) {
      const verdict = await ledger.receive(envelope, 'sync', '')
      if (verdict.result === 'accept') side.taken += 1
      return verdict.result !== 'reject'
    },
    async settled() {
      // The disk is waited for only where it falls behind: what is not written comes again with the next sync.
      if (writes.pending > pendingAtMost) await writes.flush()
      // A batch is some 50 ms of signatures; whoever else waits for this process has a turn.
      await setImmediate()
    },
  }
  return side
}
