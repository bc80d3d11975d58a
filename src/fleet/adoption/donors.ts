import { drawPeers, type Random } from '../asking/whom.ts'

const day = 24 * 3_600_000

export interface AdoptionSettings {
  /** n: donors whose bodies are fetched. */
  donors: number
  /** q: donors that must have a pair; `fewQuorum` where there are fewer than `few` donors. */
  quorum: number
  fewQuorum: number
  few: number
  /** Below it nothing is adopted: two hosts cannot vote. */
  least: number
  /** Of a donor: processes learned, and age of its certificate in ms. */
  donorProcesses: number
  memberAge: number
  /** A pair that is younger on a donor does not count there, in ms. */
  pairAge: number
  /** Own processes that are learned silently afterwards. */
  ownProcesses: number
  /** Donors of one owner's tag at most. */
  perTag: number
}

export const adoptionDefaults: AdoptionSettings = {
  donors: 16,
  quorum: 3,
  fewQuorum: 2,
  few: 8,
  least: 4,
  donorProcesses: 5,
  memberAge: 7 * day,
  pairAge: 7 * day,
  ownProcesses: 5,
  perTag: 5,
}

/** A member that has a profile of the same content, ABI and window. */
export interface DonorCandidate {
  peer: string
  name: string
  tag?: string | undefined
  processes: number
  /** When its first certificate of this mesh began, ms since the epoch. */
  memberSince: number
}

/** Why nobody can be adopted from. */
export interface TooFewDonors {
  /** Hosts with such a profile, and of them those that are old enough and have learned enough. */
  known: number
  eligible: number
}

/** Those whose bodies are to be fetched: random among the eligible. Picking by what they bring let liars in every time. */
export function chooseDonors(
  candidates: readonly DonorCandidate[],
  now: number,
  random: Random,
  settings: AdoptionSettings = adoptionDefaults,
): { donors: DonorCandidate[] } | { tooFew: TooFewDonors } {
  const eligible = candidates.filter(
    ({ processes, memberSince }) =>
      processes >= settings.donorProcesses && now - memberSince >= settings.memberAge,
  )
  if (eligible.length < settings.least)
    return { tooFew: { known: candidates.length, eligible: eligible.length } }
  const donors = drawPeers(eligible, { peers: settings.donors, perTag: settings.perTag }, random)
  if (donors.length < settings.least) return { tooFew: { known: candidates.length, eligible: donors.length } }
  return { donors }
}

/** q for so many donors whose bodies hold. */
export function adoptionQuorum(donors: number, settings: AdoptionSettings = adoptionDefaults): number {
  return donors < settings.few ? settings.fewQuorum : settings.quorum
}
