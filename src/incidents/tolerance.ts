/**
 * Tolerances: what an operator has looked at and excuses, with a reason and an end. They come before every action. Pure:
 * told the time, in ms since the epoch.
 */
import type { Abi } from '#syscalls'
import { IncidentError } from './errors.ts'
import { windowName } from './kinds.ts'
import type { Incident } from './types.ts'

export interface Tolerance {
  id: string
  /** The incident it was made from. */
  incident: string
  binary: string
  abi: Abi
  /** Of the file it was made for; '': whatever the file holds. */
  sha256: string
  /** `evidence`: what that incident showed and no more. `binary`: whatever this program does. */
  scope: 'evidence' | 'binary'
  evidence: string[]
  reason: string
  by: string
  created: number
  until: number
}

export interface ToleranceLimits {
  /** At most so many; another is refused. */
  count: number
  longestMs: number
}

export const toleranceLimits: ToleranceLimits = { count: 1000, longestMs: 366 * 86_400_000 }
const textLimit = 500

/** Who or what is accused: an incident, or an offender with what it showed. */
export type Accused = Pick<Incident, 'binary' | 'abi' | 'sha256'> & {
  pairs?: Incident['pairs']
  /** Pairs beyond those kept: what they were nobody knows, so no evidence covers them. */
  pairsCut?: number
  /** The program that started another for the first time, and the other. */
  edge?: Incident['edge']
  /** What of a judged process spoke. */
  parts?: Incident['parts']
  /** What its judged processes showed, told apart. */
  kinds?: Incident['kinds']
}

/** What an accused showed, a text for each thing: `pair 59 2 41`, `edge /usr/sbin/nginx /bin/sh`, `part recurrence`. */
function shownBy({ pairs = [], edge, parts = [] }: Accused): string[] {
  return [
    ...pairs.map(({ current, previous, distance }) => `pair ${current} ${distance} ${previous}`),
    ...(edge ? [`edge ${edge.parent} ${edge.started}`] : []),
    // The edge's own part is the edge.
    ...parts.filter(({ part }) => part !== 'edge').map(({ part }) => `part ${part}`),
  ]
}

/** Windows that spoke, by kind: `window r openat read close`. */
const windowsBy = ({ kinds = [] }: Accused): string[][] =>
  kinds.map(({ windows }) => windows.map((window) => `window ${windowName(window)}`))

/** All that it is known by: what it showed, and the windows of its judged processes. */
export const evidenceOf = (accused: Accused): string[] => [
  ...shownBy(accused),
  ...new Set(windowsBy(accused).flat()),
]

export interface ToleranceRequest {
  until: number
  reason: string
  by: string
  scope: Tolerance['scope']
  /** Also when the file is another one: an upgrade, or whatever else stands there then. */
  anyVersion: boolean
}

/** @throws IncidentError for an end that is past or too far, no reason, or nothing to excuse */
export function toleranceFor(
  incident: Incident,
  { until, reason, by, scope, anyVersion }: ToleranceRequest,
  id: string,
  now: number,
  limits: ToleranceLimits = toleranceLimits,
): Tolerance {
  if (!(until > now)) throw new IncidentError('a tolerance must end in the future: give --until a later time')
  if (until - now > limits.longestMs)
    throw new IncidentError(
      `a tolerance lasts ${Math.floor(limits.longestMs / 86_400_000)} days at most: review it then and give it another`,
    )
  if (reason.trim() === '' || reason.length > textLimit || by.length > textLimit)
    throw new IncidentError(`a tolerance needs a reason of 1 to ${textLimit} characters`)
  const evidence = evidenceOf(incident)
  if (scope === 'evidence' && (evidence.length === 0 || incident.pairsCut > 0))
    throw new IncidentError(
      `incident ${incident.id} has ${evidence.length === 0 ? 'no pair that was kept' : `${incident.pairsCut} pairs that were not kept`}: tolerate the whole binary with --whole-binary, or not at all`,
    )
  const { binary, abi } = incident
  return {
    ...{ id, incident: incident.id, binary, abi, sha256: anyVersion ? '' : incident.sha256 },
    ...{
      scope,
      evidence: scope === 'evidence' ? evidence : [],
      reason: reason.trim(),
      by,
      created: now,
      until,
    },
  }
}

/** Whether it excuses this, at this time. */
export function excuses(tolerance: Tolerance, accused: Accused, now: number): boolean {
  if (now >= tolerance.until || now < tolerance.created) return false
  if (tolerance.binary !== accused.binary || tolerance.abi !== accused.abi) return false
  // A file whose hash is not known yet is taken for the one it was: nothing is done to it until it is known.
  if (tolerance.sha256 !== '' && accused.sha256 !== '' && tolerance.sha256 !== accused.sha256) return false
  if (tolerance.scope === 'binary') return true
  if ((accused.pairsCut ?? 0) > 0) return false
  const shown = shownBy(accused)
  if (shown.length === 0) return false
  const excused = new Set(tolerance.evidence)
  if (!shown.every((one) => excused.has(one))) return false
  // A part alone says little: of each kind at least one window must be one that was looked at.
  return (
    !tolerance.evidence.some((one) => one.startsWith('window ')) ||
    windowsBy(accused).every((windows) => windows.length === 0 || windows.some((one) => excused.has(one)))
  )
}

export class Tolerances {
  readonly #limits: ToleranceLimits
  readonly #byBinary = new Map<string, Map<string, Tolerance>>()
  #count = 0

  constructor(limits: Partial<ToleranceLimits> = {}) {
    this.#limits = { ...toleranceLimits, ...limits }
  }

  /** @throws IncidentError at the limit, or for an id that is taken */
  add(tolerance: Tolerance): void {
    if (this.get(tolerance.id)) throw new IncidentError(`there is a tolerance ${tolerance.id} already`)
    if (this.#count >= this.#limits.count)
      throw new IncidentError(
        `there are ${this.#count} tolerances, which is the most: remove one with lymph incident untolerate ID`,
      )
    const of = this.#byBinary.get(tolerance.binary) ?? new Map<string, Tolerance>()
    this.#byBinary.set(tolerance.binary, of.set(tolerance.id, tolerance))
    this.#count++
  }

  remove(id: string): Tolerance | undefined {
    const tolerance = this.get(id)
    if (!tolerance) return undefined
    const of = this.#byBinary.get(tolerance.binary)
    of?.delete(id)
    if (of?.size === 0) this.#byBinary.delete(tolerance.binary)
    this.#count--
    return tolerance
  }

  get(id: string): Tolerance | undefined {
    for (const of of this.#byBinary.values()) if (of.has(id)) return of.get(id)
    return undefined
  }

  /** The one that excuses it and ends last; undefined: none does. Ask before every action. */
  tolerated(accused: Accused, now: number): Tolerance | undefined {
    let last: Tolerance | undefined
    for (const tolerance of this.#byBinary.get(accused.binary)?.values() ?? [])
      if (excuses(tolerance, accused, now) && (!last || tolerance.until > last.until)) last = tolerance
    return last
  }

  /**
   * Whether anything of this binary is excused now: who cannot see the evidence (the kernel, before each call) holds back
   * altogether.
   * @returns until when, ms since the epoch; 0: nothing is
   */
  touches(binary: string, now: number): number {
    let last = 0
    for (const { created, until } of this.#byBinary.get(binary)?.values() ?? [])
      if (now >= created && now < until) last = Math.max(last, until)
    return last
  }

  /** Programs of which anything is excused now, and until when. */
  touched(now: number): Map<string, number> {
    const binaries = [...this.#byBinary.keys()].map((binary) => [binary, this.touches(binary, now)] as const)
    return new Map(binaries.filter(([, until]) => until > 0))
  }

  /** Takes out those whose time is over. */
  expire(now: number): Tolerance[] {
    const over = this.list().filter(({ until }) => now >= until)
    for (const { id } of over) this.remove(id)
    return over
  }

  /** Those that end first come first. */
  list(): Tolerance[] {
    return [...this.#byBinary.values()]
      .flatMap((of) => [...of.values()])
      .sort((a, b) => a.until - b.until || (a.id < b.id ? -1 : 1))
  }
}
