/** Section 5 of the recipe: newcomers with and without what others have learned, and poisoned donors. */
import {
  type AdoptionSettings,
  adopted,
  adoption,
  adoptionDefaults,
  answersOf,
  askDefaults,
  drawPeers,
  FleetProfile,
  pairsOfCalls,
  verdictOf,
} from '#fleet'
import { QUIET } from './asking.ts'
import { draw, learned, mean, random, share, table, to } from './fleet.ts'
import { type HostProcess, pairsOf } from './traces.ts'

const FRAME = 128
export const newcomerLeast = 11

export interface AdoptionRow {
  row: string
  newcomers: number
  incidents: number
  /** Shares of later own processes: with a novel pair, with LFC >= 10. */
  falseTraces: number
  lfc10: number
  /** Attack processes right after the own ones that were learned silently: median LFC, and share with LFC >= 1. */
  attackLfc: number
  attackSeen: number
  /** Incidents a newcomer that asks has. */
  withAsking: number
  pairs: number
}

export interface AdoptionOptions {
  window: number
  seed: number
  settings?: Partial<AdoptionSettings>
  /** undefined: nothing is adopted. `half`: half of the donors are those with the largest profiles. */
  donors?: 'random' | 'half'
  own?: number
  /** It learns no more after its own first processes. */
  still?: boolean
  /** Colluding donors that add the attack's pairs. */
  liars?: number
}

/** LFC of a process against the pairs known before it: most anomalous calls of 128. */
export function lfcOf(calls: Uint16Array, knows: ReadonlyMap<number, unknown>, window: number): number {
  const anomalous = new Uint8Array(calls.length)
  let most = 0
  let now = 0
  for (let at = 0; at < calls.length; at++) {
    for (let distance = Math.min(at, window - 1); distance > 0; distance--)
      if (!knows.has((calls[at]! * 4096 + calls[at - distance]!) * 8 + distance - 1)) {
        anomalous[at] = 1
        break
      }
    now += anomalous[at]! - (at >= FRAME ? anomalous[at - FRAME]! : 0)
    most = Math.max(most, now)
  }
  return most
}

export function adoptionRow(
  name: string,
  hosts: ReadonlyMap<string, HostProcess[]>,
  attack: readonly Uint16Array[],
  options: AdoptionOptions,
): AdoptionRow {
  const { window, seed } = options
  const settings = { ...adoptionDefaults, least: 1, few: 1, pairAge: 0, ...options.settings }
  const own = options.own ?? settings.ownProcesses
  const next = random(seed)
  const profiles = new Map([...hosts].map(([host, processes]) => [host, learned(processes, window)]))
  const attackPairs = new Set(attack.flatMap((calls) => [...pairsOfCalls(calls, window)]))
  const newcomers = [...hosts].filter(([, processes]) => processes.length >= newcomerLeast)
  const figures = newcomers.map(([host, processes]) => {
    const candidates = [...profiles].filter(
      ([other, { processes: learnt }]) => other !== host && learnt >= settings.donorProcesses,
    )
    const profile = options.donors
      ? taken(candidates, settings, options, attackPairs, next)
      : new FleetProfile(window)
    const pairs = profile.pairs.size
    return {
      pairs,
      ...newcomer(profile, processes, candidates, attack, own, options.still === true, window, next),
    }
  })
  const lfcs = figures.flatMap(({ attacks }) => attacks).sort((a, b) => a - b)
  return {
    row: name,
    newcomers: newcomers.length,
    incidents: to(2, mean(figures.map(({ incidents }) => incidents))),
    falseTraces: to(4, mean(figures.map(({ novel }) => share(novel)))),
    lfc10: to(4, mean(figures.map(({ odd }) => share(odd)))),
    attackLfc: lfcs[Math.floor(lfcs.length / 2)] ?? 0,
    attackSeen: to(3, share(lfcs.map((lfc) => lfc >= 1))),
    withAsking: to(2, mean(figures.map(({ asked }) => asked))),
    pairs: Math.round(mean(figures.map(({ pairs: count }) => count))),
  }
}

function taken(
  candidates: [string, FleetProfile][],
  settings: AdoptionSettings,
  options: AdoptionOptions,
  attackPairs: ReadonlySet<number>,
  next: () => number,
): FleetProfile {
  const size = ([, one]: [string, FleetProfile]): number => one.processes
  const half = options.donors === 'half' ? settings.donors >> 1 : 0
  const largest = [...candidates].sort((a, b) => size(b) - size(a)).slice(0, half)
  const rest = candidates.filter((one) => !largest.includes(one))
  const lying = new Set(draw(candidates, options.liars ?? 0, next).map(([host]) => host))
  const donors = [...largest, ...draw(rest, settings.donors - largest.length, next)].map(([peer, honest]) => {
    if (!lying.has(peer)) return { peer, name: peer, profile: honest }
    const profile = honest.clone()
    for (const code of attackPairs)
      if (!profile.pairs.has(code)) profile.pairs.set(code, { first: 1, seen: 9, since: 0, borrowed: false })
    return { peer, name: peer, profile }
  })
  const plan = adoption(donors, Number.MAX_SAFE_INTEGER, settings)
  if ('tooFew' in plan) throw new Error(`too few donors: ${plan.tooFew.eligible}`)
  return adopted(plan, 0)
}

/** A newcomer's life: silent at first, then an incident for what comes within an hour; and attacks at that moment. */
function newcomer(
  profile: FleetProfile,
  processes: readonly HostProcess[],
  peers: readonly [string, FleetProfile][],
  attack: readonly Uint16Array[],
  own: number,
  still: boolean,
  window: number,
  next: () => number,
) {
  for (const process of processes.slice(0, own)) profile.learn(pairsOf(process, window), process.time)
  const attacks = draw(attack, 12, next).map((calls) => lfcOf(calls, profile.pairs, window))
  const novel: boolean[] = []
  const odd: boolean[] = []
  let incidents = 0
  let asked = 0
  let last = Number.NEGATIVE_INFINITY
  let lastAsked = Number.NEGATIVE_INFINITY
  for (const process of processes.slice(own)) {
    const codes = pairsOf(process, window)
    const missing = profile.novel(codes)
    novel.push(missing.length > 0)
    odd.push(missing.length > 0 && lfcOf(process.calls, profile.pairs, window) >= 10)
    if (missing.length > 0) {
      if (process.time - last > QUIET) incidents++
      last = process.time
      const drawn = drawPeers(
        peers.map(([peer, its]) => ({ peer, its, tag: undefined })),
        { peers: 15, perTag: 5 },
        next,
      )
      const words = drawn.map(({ its }) => answersOf(its, missing, Number.MAX_SAFE_INTEGER))
      if (verdictOf(missing, words, { ...askDefaults, quorum: 3 }).kind !== 'familiar') {
        if (process.time - lastAsked > QUIET) asked++
        lastAsked = process.time
      }
    }
    if (!still) profile.learn(codes, process.time)
  }
  return { incidents, asked, novel, odd, attacks }
}

const n = (
  donors: number,
  quorum: number,
  how: 'random' | 'half' = 'random',
): Pick<AdoptionOptions, 'settings' | 'donors'> => ({ settings: { donors, quorum }, donors: how })

export const adoptionRows: [name: string, options: Partial<AdoptionOptions>, recipe: string][] = [
  ['nothing adopted', {}, '3.18  15.4 %  4.7 %  23  1.56'],
  ['n=8 q=1', n(8, 1), '1.10  4.0 %  .3 %  8  .95'],
  ['n=8 q=2', n(8, 2), '1.75  6.7 %  1.0 %  12  1.33'],
  ['n=16 q=3', n(16, 3), '1.40  5.7 %  .3 %  10  1.17'],
  ['n=16 q=3, half the largest', n(16, 3, 'half'), '.92  2.8 %  .2 %  9'],
  ['n=32 q=3', n(32, 3), '.80  2.3 %  .2 %  8  same'],
  ['all 42 q=3', n(42, 3), '.71  2.0 %  .2 %  7  same'],
  ['all 42 q=2', n(42, 2), '.57  1.7 %  0 %  2  same'],
]

/** Own learning after adoption of 8, q = 1: share of later false traces. */
export const ownRows: [name: string, options: Partial<AdoptionOptions>, recipe: string][] = [
  ['n=8 q=1, own 0', { ...n(8, 1), own: 0, still: true }, '.27'],
  ['n=8 q=1, own 5', { ...n(8, 1), own: 5, still: true }, '.09'],
  ['n=8 q=1, own 10', { ...n(8, 1), own: 10, still: true }, '.09'],
  ['n=8 q=1, own 20', { ...n(8, 1), own: 20, still: true }, '.10'],
  ['alone, own 5', { own: 5, still: true }, '.44'],
  ['alone, own 10', { own: 10, still: true }, '.31'],
  ['alone, own 20', { own: 20, still: true }, '.28'],
]

/** [donors, quorum], and the recipe's shares of attack processes still seen with 2, 3, 5 liars. */
export const poisonRows: [number, number, string][] = [
  [8, 1, '.72 .55 .34'],
  [8, 2, '.98 .91 .76'],
  [16, 2, '.89 .60 .35'],
  [16, 3, '1.00 .89 .73'],
  [32, 3, '1.00 .53 .06'],
  [42, 3, '1.00 0 0'],
]

export function adoptionTableText(rows: readonly (AdoptionRow & { recipe: string })[]): string {
  return table(
    [
      'adopted',
      'incidents',
      'false traces',
      'LFC >= 10',
      'attack LFC',
      'LFC >= 1',
      'with asking',
      'pairs',
      "recipe's",
    ],
    rows.map((row) => [
      row.row,
      row.incidents.toFixed(2),
      `${(100 * row.falseTraces).toFixed(1)} %`,
      `${(100 * row.lfc10).toFixed(1)} %`,
      row.attackLfc,
      row.attackSeen.toFixed(2),
      row.withAsking.toFixed(2),
      row.pairs,
      row.recipe,
    ]),
  )
}

/** Share of newcomers' attack processes that still show an anomaly, `liars` of all that could be donors adding its pairs. */
export function poisoned(
  hosts: ReadonlyMap<string, HostProcess[]>,
  attack: readonly Uint16Array[],
  window: number,
  donors: number,
  quorum: number,
  liars: number,
  seeds: readonly number[],
): number {
  return to(
    2,
    mean(
      seeds.map(
        (seed) => adoptionRow('', hosts, attack, { window, seed, liars, ...n(donors, quorum) }).attackSeen,
      ),
    ),
  )
}
