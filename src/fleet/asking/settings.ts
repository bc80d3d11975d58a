import { quorumFor } from './quorum.ts'

const hour = 3_600_000

/** Numbers of the rule of asking. Times in ms. */
export interface AskSettings {
  /** N: peers asked. */
  peers: number
  /** k: peers that must know each pair. Must exceed the liars that can be among those asked: `planFor` chooses it. */
  quorum: number
  /** Fewer replies: not asked enough. */
  repliesLeast: number
  /** Processes a peer must have learned to be asked, and this profile before it asks. */
  peerProcesses: number
  ownProcesses: number
  /** Peers of one owner's tag at most. */
  perTag: number
  /** A pair younger than this is not vouched for. */
  pairAge: number
  /** A borrowed pair is vouched for after so long and so many processes. */
  borrowedAge: number
  borrowedProcesses: number
  /** Decoys in each question. */
  decoys: number
  /** Novel pairs at most: with more it is another program. */
  pairsMost: number
  /** Time to gather the novel pairs of a task, for an answer, and for a question to be asked at all. */
  gather: number
  answerWait: number
  askWithin: number
}

/**
 * 25 peers where the recipe has 15; k is the greater of 3 and `quorumFor`, which is 4 from 41 hosts on. As safe against
 * liars, and a settled fleet has a quarter fewer incidents for it.
 */
export const askDefaults: AskSettings = {
  peers: 25,
  quorum: 3,
  repliesLeast: 7,
  peerProcesses: 5,
  ownProcesses: 10,
  perTag: 5,
  pairAge: 24 * hour,
  borrowedAge: 72 * hour,
  borrowedProcesses: 3,
  decoys: 8,
  pairsMost: 256,
  gather: 2000,
  answerWait: 5000,
  askWithin: 10 * 60_000,
}

/** N and k for so many peers that could be asked. */
export function planFor(candidates: number, settings: AskSettings = askDefaults): AskSettings {
  return { ...settings, quorum: Math.max(settings.quorum, quorumFor(candidates, settings.peers)) }
}
