const hour = 3_600_000

/** Numbers of the rule of asking. Times in ms. */
export interface AskSettings {
  /** N: peers asked. */
  peers: number
  /** k: peers that must know each pair. Must exceed the liars that can be among those asked: see `quorumFor`. */
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

export const askDefaults: AskSettings = {
  peers: 15,
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
