import type { HashedPairs, PairHash } from '../pair-hash.ts'
import { contradiction, type LiarFinding } from './liars.ts'
import { chooseDecoys, screen } from './screen.ts'
import type { AskSettings } from './settings.ts'
import { UNKNOWN, type Verdict, verdictOf, type Word } from './verdict.ts'
import { type Candidate, drawPeers, type Random } from './whom.ts'
import { isAskable } from './wire.ts'

/** Why nobody is asked. */
export type NotAsked = 'too-many-pairs' | 'foreign-calls' | 'too-few-peers'

export interface RoundPorts {
  settings: AskSettings
  hash: PairHash
  /** Unpredictable to other hosts. */
  random: Random
}

/**
 * One incident put to the fleet: who is asked what, whose word counts, and the verdict. Holds no clock and sends
 * nothing: `ask` says to whom the pairs go, `hear` takes each answer, `verdict` may be read at any time and stands when
 * all have answered or the wait is over.
 */
export class AskRound {
  /** The incident's novel pairs. */
  readonly novel: readonly number[]
  /** What is asked: novel pairs and decoys, ascending. */
  readonly codes: readonly number[]
  readonly decoys: ReadonlySet<number>
  /** Those drawn, and of them those to whom the question goes: the digests of the others already say no to all. */
  readonly drawn: readonly Candidate[]
  readonly ask: readonly Candidate[]
  /** The digests alone decide: nobody is asked. */
  readonly screened: boolean
  readonly notAsked: NotAsked | undefined
  readonly liars: LiarFinding[] = []
  readonly #settings: AskSettings
  readonly #pairs: HashedPairs
  readonly #words = new Map<string, Word>()
  readonly #silent = new Set<string>()

  /**
   * @param own pairs of this host's profile
   * @param candidates members whose digest shows the same SHA-256, ABI, window and enough processes
   */
  constructor(
    own: ReadonlyMap<number, unknown>,
    novel: readonly number[],
    candidates: readonly Candidate[],
    { settings, hash, random }: RoundPorts,
  ) {
    this.#settings = settings
    this.novel = novel
    this.drawn = drawPeers(candidates, settings, random)
    this.notAsked =
      novel.length > settings.pairsMost
        ? 'too-many-pairs'
        : !novel.every(isAskable)
          ? 'foreign-calls'
          : this.drawn.length < Math.max(settings.repliesLeast, settings.quorum)
            ? 'too-few-peers'
            : undefined
    const screening = screen(hash.hash(novel), this.drawn, settings.quorum)
    this.screened = this.notAsked === undefined && screening.unfamiliar.length > 0
    this.ask = this.notAsked === undefined && !this.screened ? screening.ask : []
    this.decoys = new Set(
      this.ask.length === 0 ? [] : chooseDecoys(own, novel, this.ask, hash, settings.decoys, random),
    )
    this.codes = [...novel, ...this.decoys].sort((a, b) => a - b)
    this.#pairs = hash.hash(this.codes)
  }

  /**
   * A peer's word, one answer a code.
   * @param time of the answer, by the peer's clock
   * @returns how it contradicts the peer's own digest: then it does not count
   */
  hear(peer: string, word: Word, time: number): LiarFinding | undefined {
    const from = this.ask.find((one) => one.peer === peer)
    if (!from || this.#words.has(peer) || this.#silent.has(peer)) return undefined
    const lie = contradiction(from, this.#pairs, this.decoys, word, time)
    if (lie) {
      this.liars.push(lie)
      this.#silent.add(peer)
      return lie
    }
    this.#words.set(peer, word)
    return undefined
  }

  /** No answer, busy, or none that holds: it counts neither way. */
  unheard(peer: string): void {
    if (!this.#words.has(peer)) this.#silent.add(peer)
  }

  /** Everybody asked has answered or will not. */
  get done(): boolean {
    return this.#words.size + this.#silent.size >= this.ask.length
  }

  get verdict(): Verdict {
    const none = this.novel.map((): typeof UNKNOWN => UNKNOWN)
    if (this.notAsked !== undefined) return verdictOf(this.novel, [], this.#settings)
    const place = new Map(this.codes.map((code, at) => [code, at]))
    const words: Word[] = []
    const asked = new Set(this.ask)
    // Where the digests decide all words are theirs: perhaps is not yes.
    for (const one of this.drawn) if (this.screened || !asked.has(one)) words.push(none)
    for (const word of this.#words.values())
      words.push(this.novel.map((code) => word[place.get(code)!] ?? UNKNOWN))
    return verdictOf(this.novel, words, this.#settings)
  }
}
