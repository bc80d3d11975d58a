/** What a host tells of itself every minute, so that the others know it lives, where, and how far it has come. */
import { z } from 'zod'
import { addresses, type Directory, type Entry, journalMark } from '../members/directory.ts'

const aliveBody = z.object({
  addresses,
  version: z.string().max(64),
  /** How far its admin log reaches, and the keys of the ring it holds. */
  admin: z.int().nonnegative(),
  ring: z.array(z.string().max(16)).max(16),
  /** It serves as a relay. */
  relay: z.boolean().optional(),
  /** How far its journal reaches: it only grows, so who has heard of more knows that some was cut off. */
  journal: journalMark.optional(),
})
export type Alive = z.infer<typeof aliveBody>

/** The key its record stands under. */
export const aliveKey = 'host'

/** Takes in what a member told. @returns whether its journal is shorter than it was, or another */
export function takeAlive(entry: Entry, said: unknown, directory: Directory, now: number): boolean {
  const body = aliveBody.safeParse(said)
  if (!body.success) return false
  const { addresses, version, admin, ring, relay = false, journal } = body.data
  const adminSeq = Math.max(entry.adminSeq, admin)
  Object.assign(entry, { addresses, version, adminSeq, ringHeld: ring, relays: relay })
  return journal !== undefined && directory.journal(entry, journal, now)
}
