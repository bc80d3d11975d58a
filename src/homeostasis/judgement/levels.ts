/** From bits to levels: what a person is told. */

/** `none`: not worth a word. The others are an incident's severities. */
export const LEVELS = ['none', 'notice', 'incident', 'severe'] as const
export type JudgementLevel = (typeof LEVELS)[number]

export const LEVEL_BITS = { notice: 6, incident: 8, severe: 12 } as const
/** What a program that was never started before adds, to at most as many bits of J. */
export const EDGE_BITS = 8

/** min(J, 8) + 8 for a new edge; J alone without one. */
export function severityBits(bits: number, newEdge: boolean): number {
  return newEdge ? Math.min(bits, EDGE_BITS) + EDGE_BITS : bits
}

/**
 * The level of so many bits (`severityBits`).
 * @param bar bits of an incident, where the profile is busier than most: see `barFor`
 */
export function levelOf(severity: number, bar: number = LEVEL_BITS.incident): JudgementLevel {
  const higher = bar - LEVEL_BITS.incident
  if (severity >= LEVEL_BITS.severe + higher) return 'severe'
  if (severity >= bar) return 'incident'
  return severity >= LEVEL_BITS.notice + higher ? 'notice' : 'none'
}

/** Bits of an incident for a profile with so many units a day: one false one in 16 days at most, if J is honest. */
export function barFor(unitsPerDay: number): number {
  return Math.max(LEVEL_BITS.incident, Math.log2(Math.max(1, unitsPerDay)) + 4)
}
