/** What is said of one unit: how odd it is, and why. */
import type { Calibration } from './calibration.ts'
import type { ExecEdge } from './edges.ts'
import { type JudgementLevel, LEVELS, levelOf, severityBits } from './levels.ts'
import type { Observable, Observables } from './types.ts'

export type VerdictPart = Observable | 'edge' | 'recurrence'

export interface Verdict extends Observables {
  /** J; undefined: too few units were learned for a judgement, and the rest are facts only. */
  bits: number | undefined
  /** Bits of each observable alone, before the restlessness of the profile is allowed for. */
  parts: Observables | undefined
  /** Units the profile is compared with: the bits are counted up to log2(m + 1), extrapolated beyond. */
  m: number
  /** Share of them with something new. */
  q: number | undefined
  /** Which observables made the bits. */
  spoke: readonly Observable[]
  /** Programs started that this profile's programs never started. */
  newEdges: readonly ExecEdge[]
  /** Odd units came too often; set by `Judgement.take` alone. */
  recurring: boolean
}

/** @param comparable units there are, where they are too few for a calibration */
export function verdictOf(
  { n, r, s }: Observables,
  calibration: Calibration | undefined,
  newEdges: readonly ExecEdge[],
  comparable: number,
): Verdict {
  const judged = calibration?.judge({ n, r, s })
  return {
    n,
    r,
    s,
    bits: judged?.bits,
    parts: judged?.parts,
    m: calibration?.m ?? comparable,
    q: calibration?.q,
    spoke: judged?.spoke ?? [],
    newEdges,
    recurring: false,
  }
}

/** Bits of a verdict with its edges; 0 where there is no judgement. */
export function verdictSeverity(verdict: Verdict): number {
  return verdict.bits === undefined ? 0 : severityBits(verdict.bits, verdict.newEdges.length > 0)
}

/**
 * Recurrence is an incident by itself, whatever the unit that made it one. A new edge is as rare in a busy program as in
 * any, since each is learned: the higher bar is for bits alone.
 */
export function verdictLevel(verdict: Verdict, bar?: number): JudgementLevel {
  const byBits = levelOf(verdict.bits ?? 0, bar)
  const byEdge = verdict.newEdges.length > 0 ? levelOf(verdictSeverity(verdict)) : 'none'
  const level = LEVELS.indexOf(byEdge) > LEVELS.indexOf(byBits) ? byEdge : byBits
  return verdict.recurring && (level === 'none' || level === 'notice') ? 'incident' : level
}

/** All that speaks: what made the bits, new edges, recurrence. */
export function spokenParts(verdict: Verdict): VerdictPart[] {
  const spoke: VerdictPart[] = [...verdict.spoke]
  if (verdict.newEdges.length > 0) spoke.push('edge')
  if (verdict.recurring) spoke.push('recurrence')
  return spoke
}
