import { FleetProfile } from '../profile.ts'
import { type AdoptionSettings, adoptionDefaults, adoptionQuorum, type TooFewDonors } from './donors.ts'

/** A donor's profile out of a body that was verified against its signed digest. */
export interface Donor {
  peer: string
  name: string
  profile: Pick<FleetProfile, 'window' | 'processes' | 'pairs'>
}

/** What would be taken over, and on whose word: to be shown before anything is done. */
export interface Adoption {
  window: number
  quorum: number
  /** There are so few donors that two are believed. */
  few: boolean
  donors: { peer: string; name: string; processes: number; pairs: number; young: number; borrowed: number }[]
  /** Pairs taken over, and how many donors have each. */
  pairs: Map<number, number>
  /** Of them those that q or q + 1 donors have. */
  weak: number[]
  /** Pairs of some donor that are left out: known to too few, or nowhere old enough or the donors' own. */
  leftOut: { tooFew: number; young: number }
}

/**
 * The pairs that at least q donors have, each old enough there and not itself borrowed: asking in advance. The plain
 * pool (q = 1) has fewer false alarms and is poisoned by a single liar.
 * @param donors verified; of one binary, ABI and window
 */
export function adoption(
  donors: readonly Donor[],
  now: number,
  settings: AdoptionSettings = adoptionDefaults,
): Adoption | { tooFew: TooFewDonors } {
  if (donors.length < settings.least) return { tooFew: { known: donors.length, eligible: donors.length } }
  const window = donors[0]!.profile.window
  if (donors.some(({ profile }) => profile.window !== window))
    throw new RangeError('donors of different windows: their pairs cannot be counted together')
  const quorum = adoptionQuorum(donors.length, settings)
  const support = new Map<number, number>()
  const listed = donors.map(({ peer, name, profile }) => {
    let young = 0
    let borrowed = 0
    for (const [code, facts] of profile.pairs) {
      const counts = !facts.borrowed && facts.first > 0 && now - facts.since >= settings.pairAge
      if (facts.borrowed || facts.first === 0) borrowed++
      else if (!counts) young++
      support.set(code, (support.get(code) ?? 0) + (counts ? 1 : 0))
    }
    return { peer, name, processes: profile.processes, pairs: profile.pairs.size, young, borrowed }
  })
  const pairs = new Map<number, number>()
  const weak: number[] = []
  const leftOut = { tooFew: 0, young: 0 }
  for (const [code, by] of support) {
    if (by >= quorum) {
      pairs.set(code, by)
      if (by <= quorum + 1) weak.push(code)
    } else if (by === 0) leftOut.young++
    else leftOut.tooFew++
  }
  return { window, quorum, few: donors.length < settings.few, donors: listed, pairs, weak, leftOut }
}

/**
 * A profile that begins with the adopted pairs: they came with no process here, and are not vouched for until one has
 * shown them.
 */
export function adopted(from: Pick<Adoption, 'window' | 'pairs'>, now: number): FleetProfile {
  const profile = new FleetProfile(from.window)
  for (const code of from.pairs.keys())
    profile.pairs.set(code, { first: 0, seen: 0, since: now, borrowed: true })
  return profile
}

/**
 * What an adopted profile does with a process: its first are learned silently; afterwards any anomaly that the fleet
 * does not know is the signal. An absolute limit of the LFC would miss attacks: it falls with every pair adopted.
 */
export function signalOf(
  processes: number,
  novel: number,
  settings: Pick<AdoptionSettings, 'ownProcesses'> = adoptionDefaults,
): 'learn' | 'nothing' | 'ask' {
  if (processes < settings.ownProcesses) return 'learn'
  return novel === 0 ? 'nothing' : 'ask'
}

/** Provenance, to be printed before acting. */
export function adoptionText(binary: string, plan: Adoption | { tooFew: TooFewDonors }): string {
  if ('tooFew' in plan) {
    const { known, eligible } = plan.tooFew
    return `${binary}: nothing is adopted: ${eligible} of ${known} hosts have learned enough and are members long enough, ${adoptionDefaults.least} are needed; fleet compare shows what they have`
  }
  const { quorum, few, donors, pairs, weak, leftOut } = plan
  const lines = [
    `${binary}: ${pairs.size} pairs that ${quorum} or more of ${donors.length} donors have${few ? ` (fewer than ${adoptionDefaults.few} donors: two are believed)` : ''}`,
    `${weak.length} of them are known to ${quorum} or ${quorum + 1} donors only`,
    `left out: ${leftOut.tooFew} known to fewer than ${quorum}, ${leftOut.young} too young or borrowed wherever they are`,
  ]
  for (const { name, processes, pairs: count, young, borrowed } of donors)
    lines.push(
      `from ${name}: ${count} pairs of ${processes} processes${young > 0 ? `, ${young} too young` : ''}${borrowed > 0 ? `, ${borrowed} borrowed` : ''}`,
    )
  lines.push(
    `the first ${adoptionDefaults.ownProcesses} processes here are learned silently; adopted pairs are not vouched for until seen here`,
  )
  return lines.join('\n')
}
