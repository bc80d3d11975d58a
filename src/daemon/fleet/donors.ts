/** Whose profiles of a program may be taken over, by what the mesh's digests say. */
import { adoptionDefaults, type DonorCandidate, ownerOf } from '#fleet'
import type { ProfileKey } from '#homeostasis'
import { hostAbi } from '#syscalls'
import { DaemonError } from '../errors.ts'
import { nameOf } from '../profiles/tracked.ts'
import type { FleetHost } from './host.ts'
import type { OwnFleet } from './own.ts'

/** @param from names of members; none: all that have it */
export function donorsOf(host: FleetHost, own: OwnFleet, key: ProfileKey, from: string[]): DonorCandidate[] {
  const wanted = new Set(host.mesh.members(from).map(({ peer }) => peer))
  const members = new Map(host.mesh.mesh.members().map((member) => [member.peer, member]))
  const { binary } = own.keyOf(key)
  const candidates: DonorCandidate[] = []
  for (const { peer, name, digest } of host.mesh.digests.of(binary)) {
    const same = digest.sha256 === key.sha256 && digest.abi === key.abi && digest.window === key.window
    if (!same || !wanted.has(peer) || digest.state !== 'normal') continue
    // Where processes are not counted, a normal profile has seen enough.
    const processes = digest.processes ?? adoptionDefaults.donorProcesses
    const { certificateSince: memberSince = Number.POSITIVE_INFINITY, tags = [] } = members.get(peer) ?? {}
    candidates.push({ peer, name, processes, memberSince, tag: ownerOf(tags) })
  }
  return candidates
}

/**
 * Of a program that has no profile here: the content that most hosts have, of this machine's ABI and window.
 * @throws DaemonError where no host has one
 */
export function commonKey(host: FleetHost, binary: string, window: number): ProfileKey {
  const abi = hostAbi()
  const counts = new Map<string, { key: ProfileKey; hosts: number }>()
  for (const { digest } of host.mesh.digests.of(binary)) {
    if (digest.abi !== abi || digest.window !== window) continue
    const key = { binary: digest.binary, abi, window, sha256: digest.sha256 }
    const held = counts.get(nameOf(key)) ?? { key, hosts: 0 }
    held.hosts++
    counts.set(nameOf(key), held)
  }
  const [best] = [...counts.values()].sort((a, b) => b.hosts - a.hosts)
  if (!best)
    throw new DaemonError(
      `no host has a profile of "${binary}" for ${abi} and a window of ${window}: see lymph fleet binaries`,
      1,
    )
  return best.key
}
