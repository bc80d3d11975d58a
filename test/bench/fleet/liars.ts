/** Liars among those asked: named adversaries, put to the real rounds (screening, decoys, contradiction). */
import {
  AskRound,
  type AskSettings,
  answersOf,
  askDefaults,
  type Candidate,
  type FleetProfile,
  KNOWN,
  type PairAnswer,
  PairHash,
  pairsOfCalls,
  Sketch,
  UNKNOWN,
} from '#fleet'
import { draw, learned, random, share, to } from './fleet.ts'
import type { HostProcess } from './traces.ts'

export interface Adversary {
  name: string
  /** What a liar says; `attack` are the pairs it covers for. */
  word: (
    honest: PairAnswer[],
    codes: readonly number[],
    attack: ReadonlySet<number>,
    next: () => number,
  ) => PairAnswer[]
  /** Its digests have held the attack's pairs for a day. */
  prepared: boolean
}

const yesTo = (
  chosen: (code: number) => boolean,
  honest: PairAnswer[],
  codes: readonly number[],
): PairAnswer[] => honest.map((one, place) => (chosen(codes[place]!) ? KNOWN : one))

/** Says yes to whatever it is asked. */
export const yesToAll: Adversary = {
  name: 'yes to all',
  word: (honest) => honest.map(() => KNOWN),
  prepared: true,
}
/** Knows the attack, says yes to it alone, and has announced its pairs a day before. */
export const colluding: Adversary = {
  name: 'colluding, announced a day before',
  word: (honest, codes, attack) => yesTo((code) => attack.has(code), honest, codes),
  prepared: true,
}
/** The same on the spur of the moment: its own digest denies the pairs. */
export const unprepared: Adversary = { ...colluding, name: 'colluding, unprepared', prepared: false }
/** Says yes to half of what it is asked. */
export const yesToHalf: Adversary = {
  name: 'yes to half',
  word: (honest, codes, _, next) => {
    const yes = new Set(codes.filter(() => next() < 0.5))
    return yesTo((code) => yes.has(code), honest, codes)
  },
  prepared: true,
}
/** Denies everything: more incidents, and no attack the less. */
export const noToAll: Adversary = {
  name: 'no to all',
  word: (honest) => honest.map(() => UNKNOWN),
  prepared: false,
}

export interface LiarFigures {
  adversary: string
  liars: number
  peers: number
  quorum: number
  decoys: number
  /** Share of the attacks that are still unfamiliar. */
  kept: number
  /** Share of the liars asked whose word was found out, and honest peers accused. */
  caught: number
  accused: number
  /** Liars that were asked at all, over all rounds. */
  asked: number
  /** Questions that the digests alone decided. */
  screened: number
  rounds: number
}

/**
 * Attacks asked about by hosts of a fleet that has learned all its traces, `liars` of the others lying.
 * @param decide whether digests are held: without them nothing is screened and nobody contradicts himself
 */
export function liarFigures(
  hosts: ReadonlyMap<string, HostProcess[]>,
  attack: readonly Uint16Array[],
  adversary: Adversary,
  liars: number,
  options: {
    window: number
    seed: number
    rounds: number
    settings?: Partial<AskSettings>
    digests: boolean
  },
): LiarFigures {
  const settings = { ...askDefaults, ...options.settings }
  const next = random(options.seed)
  const hash = new PairHash(Buffer.alloc(32, 1))
  const now = Math.max(...[...hosts.values()].map((processes) => processes.at(-1)!.time)) + 30 * 3_600_000
  const profiles = new Map([...hosts].map(([host, processes]) => [host, learned(processes, options.window)]))
  const pairs = attack.map((calls) => pairsOfCalls(calls, options.window))
  const everything = new Set(pairs.flatMap((codes) => [...codes]))
  const honestSketch = sketches(profiles, hash)
  const prepared = new Map<string, Sketch>()
  for (const [host, { pairs: own }] of profiles)
    prepared.set(host, Sketch.of(hash.hash(new Set([...own.keys(), ...everything]))))
  const victims = [...profiles].filter(([, { processes }]) => processes > settings.ownProcesses)
  const kept: boolean[] = []
  const figures = { asked: 0, caught: 0, accused: 0, screened: 0 }
  for (let i = 0; i < options.rounds; i++) {
    const [victim, own] = victims[Math.floor(next() * victims.length)]!
    const others = [...profiles.keys()].filter((host) => host !== victim)
    const lying = new Set(draw(others, liars, next))
    const novel = own.novel(pairs[Math.floor(next() * pairs.length)]!)
    const covers = new Set(novel)
    const candidates: Candidate[] = others
      .filter((host) => lying.has(host) || profiles.get(host)!.processes >= settings.peerProcesses)
      .map((peer) => ({
        peer,
        made: now - 3_600_000,
        ...(options.digests
          ? { sketch: (lying.has(peer) && adversary.prepared ? prepared : honestSketch).get(peer)! }
          : {}),
      }))
    const round = new AskRound(own.pairs, novel, candidates, { settings, hash, random: next })
    if (round.screened) figures.screened++
    for (const { peer } of round.ask) {
      const honest = answersOf(profiles.get(peer)!, round.codes, now, settings)
      const lies = lying.has(peer)
      const found = round.hear(peer, lies ? adversary.word(honest, round.codes, covers, next) : honest, now)
      if (lies) figures.asked++
      if (found && lies) figures.caught++
      if (found && !lies) figures.accused++
    }
    kept.push(round.verdict.kind !== 'familiar')
  }
  return {
    adversary: adversary.name,
    liars,
    peers: settings.peers,
    quorum: settings.quorum,
    decoys: options.digests ? settings.decoys : 0,
    kept: to(3, share(kept)),
    caught: figures.asked === 0 ? 0 : to(3, figures.caught / figures.asked),
    accused: figures.accused,
    asked: figures.asked,
    screened: to(3, figures.screened / options.rounds),
    rounds: options.rounds,
  }
}

function sketches(profiles: ReadonlyMap<string, FleetProfile>, hash: PairHash): Map<string, Sketch> {
  return new Map([...profiles].map(([host, { pairs }]) => [host, Sketch.of(hash.hash(pairs.keys()))]))
}
