/** Digests that a command needs, where not all are here: fetched first, and who gave none is named. */
import type { Selection } from '#fleet'
import type { FleetHost } from './host.ts'

/** A member whose profile is not among those compared, and why, in one line. */
export interface LeftOut {
  name: string
  peer: string
  reason: string
}

export interface GatheredHere {
  /** A line a host, however many of its digests could not be had. */
  leftOut: LeftOut[]
  /** Digests that could not be had, by host. */
  missing: number
}

/** Nothing is fetched where digests are gossiped and everybody gossips. */
export async function gatherFor(
  { mesh }: Pick<FleetHost, 'mesh'>,
  selection: Selection,
  withinMs?: number,
): Promise<GatheredHere> {
  const gathered = await mesh.placed?.gather(selection, withinMs)
  if (!gathered) return { leftOut: [], missing: 0 }
  const names = new Map(mesh.members([]).map(({ peer, name }) => [peer, name]))
  const leftOut = new Map<string, LeftOut>()
  for (const { peer, reason } of gathered.missing) {
    const name = names.get(peer) ?? peer
    if (!leftOut.has(peer)) leftOut.set(peer, { name, peer, reason: reason.replaceAll(peer, name) })
  }
  const { passedOver } = gathered
  if (passedOver > 0)
    leftOut.set('', {
      name: `${passedOver} hosts`,
      peer: '',
      reason: `${passedOver} more hosts have it: of so many those nearest to this one are looked at`,
    })
  return { leftOut: [...leftOut.values()], missing: gathered.missing.length }
}

/** Of members by name; none of none. Throws DaemonError for a name that is no member's. */
export const peersOf = ({ mesh }: Pick<FleetHost, 'mesh'>, names: string[]): string[] =>
  names.length === 0 ? [] : mesh.members(names).map(({ peer }) => peer)
