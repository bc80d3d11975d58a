import { type ComparedProfile, type LateFinding, lateFindings } from './late.ts'
import { Strangeness } from './strangeness.ts'

/** Hosts compared at least: below it there is no norm, and at most: more cost time and tell no more. */
export const COMPARED_LEAST = 12
export const COMPARED_MOST = 64
/** Scores at which a host is listed, and flagged. */
export const LISTED = 2
export const FLAGGED = 3
/** Fewer processes may be an odd retry of an honest host, however strange: such a host is listed, not flagged. */
export const FLAGGED_CARRIERS = 3

/** A compromised neighbour must not set the norm. */
const NORM_MOST = 5
/** With few processes seen, two odd ones are no proof. */
const DOUBT = 0.3
const SCORE_MOST = 99
/** B where fewer than 3 other hosts have an event. */
const BASE_FEW = 10
const EVENTS_FEW = 3

export interface Outlier {
  host: string
  /** n: processes learned. */
  processes: number
  /** C: processes that carry pairs nobody else has. */
  carriers: number
  /** Pairs in U, and the events (processes) that brought them. */
  pairs: number
  events: number
  /** a: how repeated; b: how strange the strangest event is. */
  repeated: number
  strange: number
  /** a + b, 0..99; less shared / 2 in the second list. */
  score: number
  /** Carriers an honest host of this exposure shows: expected, and hardly more than. */
  honest: { expected: number; most: number }
  /** How many pairs its strangest event brought. */
  strangest: number
  /** The strangest event's pairs, strangest first, then those of the others. */
  codes: number[]
  /** ms since the epoch of the first of them. */
  since: number | undefined
  /** Second list: hosts that have these pairs too. */
  with: string[]
}

export interface OutlierOptions {
  window: number
  /** 0: the first list. 1 or 2: pairs that so many other hosts have, late, too. */
  shared?: 0 | 1 | 2
  /** What a host's operator has accepted. */
  tolerated?: (host: string, code: number) => boolean
}

/**
 * Ranks hosts by what they have late and nobody else has: by processes that carry it, against what honest hosts of that
 * exposure show (a), and by how strange it is (b). A set distance does not reveal a compromised host.
 * Whether a host is listed is decided by the sum of the two; its place by whether three processes or more carry U, then
 * by the greater part: who is odd in one way goes before who is a little odd in both.
 */
export function outliers(compared: readonly ComparedProfile[], options: OutlierOptions): Outlier[] {
  const { window, shared = 0, tolerated = () => false } = options
  const findings = lateFindings(compared, window, shared, tolerated)
  const strangeness = new Strangeness(unionOf(compared))
  const gains = new Map<string, Gain>()
  for (const finding of findings) gains.set(finding.host, strangest(finding, strangeness))
  return findings
    .map((finding) => scored(finding, findings, gains, shared))
    .sort((a, b) => rankOf(b) - rankOf(a) || b.score - a.score || (a.host < b.host ? -1 : 1))
}

/** Whether a host is to be looked at now. No honest one of the 56 measured was, nor of half of them compared alone. */
export const isFlagged = ({ score, carriers }: Pick<Outlier, 'score' | 'carriers'>): boolean =>
  score >= FLAGGED && carriers >= FLAGGED_CARRIERS

/**
 * What hosts are ordered by: the less likely of the two parts; before all of them those that so many processes carry as
 * no honest host's do.
 */
export const rankOf = ({ repeated, strange, carriers }: Outlier): number =>
  Math.max(repeated, strange) + (carriers >= FLAGGED_CARRIERS ? SCORE_MOST : 0)

function scored(
  finding: LateFinding,
  findings: readonly LateFinding[],
  gains: ReadonlyMap<string, Gain>,
  shared: number,
): Outlier {
  const { host, processes, carriers, events, exposure, unique, since, sharedWith } = finding
  const { novelty, rate } = normOf(finding, findings)
  const mu = novelty * exposure + DOUBT
  const { most, codes, largest } = gains.get(host)!
  const others: number[] = []
  for (const [other, gain] of gains)
    if (other !== host && !sharedWith.has(other) && gain.most > 0) others.push(gain.most)
  const base = others.length < EVENTS_FEW ? BASE_FEW : Math.max(1, median(others) / Math.LN2)
  const repeated = unique === 0 ? 0 : carriers * Math.log10(1 + 1 / mu)
  const strange =
    unique === 0
      ? 0
      : Math.max(0, -Math.log10(-Math.expm1(-(rate * exposure + DOUBT) * Math.exp(-most / base))))
  const score = unique === 0 ? 0 : Math.max(0, Math.min(SCORE_MOST, repeated + strange) - shared / 2)
  return {
    host,
    processes,
    carriers,
    pairs: unique,
    events: events.size,
    repeated,
    strange,
    score,
    honest: { expected: mu - DOUBT, most: honestMost(mu - DOUBT) },
    strangest: events.size === 0 ? 0 : largest,
    codes,
    since,
    with: [...sharedWith].sort(),
  }
}

/** Carriers that 19 of 20 honest hosts do not exceed: the geometric tail (1 + 1/expected)^-C at .05. */
const honestMost = (expected: number): number => Math.floor(Math.log(20) / Math.log(1 + 1 / expected))

/** Good-Turing rates of honest novelty, carriers and events a process, over all hosts but one and those it shares U with. */
function normOf(finding: LateFinding, findings: readonly LateFinding[]): { novelty: number; rate: number } {
  let carried = 0.5
  let happened = 0.5
  let exposed = 1
  for (const { host, carriers, events, exposure } of findings) {
    if (host === finding.host || finding.sharedWith.has(host)) continue
    carried += Math.min(carriers, NORM_MOST)
    happened += Math.min(events.size, NORM_MOST)
    exposed += exposure
  }
  return { novelty: carried / exposed, rate: happened / exposed }
}

interface Gain {
  most: number
  largest: number
  codes: number[]
}

/** G: the largest sum of g over one event; and the pairs of all, the strangest event's first. */
function strangest({ events }: LateFinding, strangeness: Strangeness): Gain {
  const sums = [...events.values()].map((codes) => {
    const gains = codes.map((code) => ({ code, gain: strangeness.of(code) }))
    gains.sort((a, b) => b.gain - a.gain || a.code - b.code)
    return {
      sum: gains.reduce((sum, { gain }) => sum + gain, 0),
      codes: gains.map(({ code }) => code),
    }
  })
  sums.sort((a, b) => b.sum - a.sum)
  return {
    most: sums[0]?.sum ?? 0,
    largest: sums[0]?.codes.length ?? 0,
    codes: sums.flatMap(({ codes }) => codes),
  }
}

function unionOf(compared: readonly ComparedProfile[]): Set<number> {
  const union = new Set<number>()
  for (const { profile } of compared) for (const code of profile.pairs.keys()) union.add(code)
  return union
}

function median(values: number[]): number {
  const sorted = values.sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}
