import type { Pair, ProfileStateName } from '#homeostasis'
import type { Abi } from '#syscalls'

/** What a host says of one of its profiles: at most 1 KiB signed, so that a fleet can hold them all. */
export interface Digest {
  binary: string
  sha256: string
  abi: Abi
  window: number
  state: ProfileStateName
  calls: number
  pairs: number
  sequences: number
  anomalies: number
  /** Calls since the training table last changed. */
  sinceChange: number
  /** ms since the epoch: when learning began, and when this was made. */
  since: number
  made: number
  /** Calls of this binary that were not seen, of all that were made: 0..1. */
  lost: number
  /** SHA-256 (hex) and length in bytes of the profile file this is the digest of. */
  body: { sha256: string; bytes: number }
}

export interface Comparison {
  binary: string
  hosts: { name: string; sha256: string; pairs: number }[]
  /** Pairs that one host has and no other. */
  onlyHere: Record<string, Pair[]>
  /** Jaccard distance of the pair sets, 0..1. */
  distance: Record<string, Record<string, number>>
}
