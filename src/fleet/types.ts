import type { Pair, ProfileStateName } from '#homeostasis'
import type { Abi } from '#syscalls'
import type { Package } from './origin/packages.ts'

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
  /** Processes learned, where the sensor counts them. */
  processes?: number
  /** Calls since the training table last changed. */
  sinceChange: number
  /** ms since the epoch: when learning began, and when this was made. */
  since: number
  made: number
  /** Calls of this binary that were not seen, of all that were made: 0..1. */
  lost: number
  /** SHA-256 (hex) and length in bytes of the profile file this is the digest of. */
  body: { sha256: string; bytes: number }
  /** Of the program file, where it has one and could be read: hex, at most 20 bytes of it. */
  buildId?: string
  /** The package it came with, as the package manager says. */
  package?: Package
  /** Bloom filter of the pairs in force (sketch.ts), and which secret it is made with (8 hex digits). */
  sketch?: { key: string; bits: Uint8Array }
  /** The calls that end most pairs in force, and their share of them in 255ths; at most 12, most first. */
  usage?: CallShare[]
  /** How busy it was in each hour of the week, 0..3 (activity.ts): 168 values from Monday 00:00 UTC. */
  hours?: Uint8Array
  /** What stands behind its judgement (docs/reference/judgement.md). */
  judgement?: JudgementFacts
}

export interface JudgementFacts {
  /** Units that ended, and those of them that were learned. */
  units: number
  learned: number
  settled: boolean
  /** Units of the yardstick in force, 0: none; and the share of recent ones with something new, in thousandths. */
  m: number
  q: number
}

export interface CallShare {
  call: number
  /** 1..255: of all pairs in force, those whose later call this is. */
  share: number
}

/** How one binary behaves on several hosts of one ABI and window. Everything is keyed by the hosts' names. */
export interface Comparison {
  binary: string
  /** From bodies; else from sketches: `distance` is an estimate. */
  exact: boolean
  hosts: { name: string; sha256: string; pairs: number }[]
  /** Pairs that one host has and no other. From sketches: of this host alone, and some may be missing. */
  onlyHere: Record<string, Pair[]>
  /** Pairs that all other hosts have and this one does not, where there are two others at least. */
  lacks: Record<string, Pair[]>
  /** Calls used on this host and nowhere else. */
  calls: Record<string, number[]>
  /** Jaccard distance of the pair sets, 0..1. */
  distance: Record<string, Record<string, number>>
  /** From sketches: the largest standard error of any distance. */
  error?: number
  /** The sharpest difference of each host: the pairs in which it differs from most others, and from how many. */
  differs?: Record<string, Difference>
}

export interface Difference {
  /** Hosts that differ from this one in each of these pairs, of how many. */
  from: number
  of: number
  pairs: number
}
