import type { Sketch } from '../sketch.ts'

/** Numbers in [0, 1). For whom is asked they must be unpredictable to others: `randomInt` of the system, not a seed. */
export type Random = () => number

/** Who could be asked: its digest shows the same content, ABI, window, and enough processes. */
export interface Candidate {
  peer: string
  /** Whose the host is, where tags tell. */
  tag?: string | undefined
  /** Of its digest; absent: every pair counts as perhaps known. */
  sketch?: Sketch | undefined
  /** When that digest was made, ms since the epoch. */
  made?: number | undefined
}

/** Tags that say whose a host is begin with this; of several the first in order counts. */
const OWNER = 'owner_'

/** Whose a host is, by the tags of its certificate; undefined: they do not tell. */
export function ownerOf(tags: readonly string[]): string | undefined {
  return tags.filter((tag) => tag.startsWith(OWNER)).sort()[0]
}

/**
 * Draws those to be asked, afresh for each incident, at most `perTag` of one owner; those without a tag are each their
 * own. At random, because any preference can be claimed.
 */
export function drawPeers<Who extends Pick<Candidate, 'tag'>>(
  candidates: readonly Who[],
  limits: { peers: number; perTag: number },
  random: Random,
): Who[] {
  const left = [...candidates]
  // One owner's fleet is not cut down to a few: there tags tell nobody apart.
  const owners = new Set(candidates.map(({ tag }) => tag))
  const perTag = owners.size > 1 ? limits.perTag : Number.POSITIVE_INFINITY
  const drawn: Who[] = []
  const ofTag = new Map<string, number>()
  while (drawn.length < limits.peers && left.length > 0) {
    const at = Math.floor(random() * left.length)
    const one = left[at]!
    left[at] = left.at(-1)!
    left.pop()
    if (one.tag !== undefined) {
      const already = ofTag.get(one.tag) ?? 0
      if (already >= perTag) continue
      ofTag.set(one.tag, already + 1)
    }
    drawn.push(one)
  }
  return drawn
}
