/** Section 3 of the recipe: how often the host that was attacked is ranked first. */
import {
  FLAGGED,
  type FleetProfile,
  isFlagged,
  LISTED,
  type Outlier,
  outliers,
  pairsOfCalls,
  rankOf,
} from '#fleet'
import { draw, inserted, learned, random, share, spliced, table, to } from './fleet.ts'
import type { HostProcess } from './traces.ts'

/** What an attack leaves on a host: pairs of each of its processes, in order. */
export type Attack = (victim: readonly HostProcess[], count: number, next: () => number) => Uint32Array[]

export interface OutlierRow {
  attack: string
  victims: number
  /** Shares of the victims: ranked first by number of unique pairs, by the greater part, by score, by one part alone. */
  byCount: number
  first: number
  firstScore: number
  firstRepeated: number
  firstStrange: number
  listed: number
  flagged: number
  /** Flagged: score >= 3 and three carriers. */
  looked: number
  /** Above all but 5 % (10 %) of the clean hosts' scores. */
  caught5: number
  caught10: number
  /** Clean hosts flagged, in all draws. */
  cleanFlagged: number
}

export const victimLeast = 5

/** Attack processes as recorded, drawn at random. */
export const recorded =
  (attack: readonly Uint16Array[], window: number): Attack =>
  (_, count, next) =>
    draw(attack, count, next).map((calls) => pairsOfCalls(calls, window))

/** One ordinary process of the victim, changed once; the same every time it is used. */
export const madeUp =
  (change: (calls: Uint16Array, next: () => number) => Uint16Array, window: number): Attack =>
  (victim, count, next) => {
    const calls = change(victim[Math.floor(next() * victim.length)]!.calls, next)
    return Array.from({ length: count }, () => pairsOfCalls(calls, window))
  }

/** The clean hosts. */
export function cleanScores(hosts: ReadonlyMap<string, HostProcess[]>, window: number): Outlier[] {
  return outliers(
    [...hosts].map(([host, processes]) => ({ host, profile: learned(processes, window) })),
    { window },
  )
}

export function outlierRow(
  name: string,
  hosts: ReadonlyMap<string, HostProcess[]>,
  window: number,
  attack: Attack,
  counts: number,
  options: { seed: number; victims?: number; together?: number },
): OutlierRow {
  const next = random(options.seed)
  const profiles = new Map([...hosts].map(([host, processes]) => [host, learned(processes, window)]))
  const clean = cleanScores(hosts, window)
    .map(({ score }) => score)
    .sort((a, b) => b - a)
  const bar = (part: number): number => clean[Math.floor(part * clean.length)]!
  let victims = [...hosts.keys()].filter((host) => hosts.get(host)!.length >= victimLeast)
  if (options.victims !== undefined) victims = draw(victims, options.victims, next)
  const outcomes = victims.map((victim) => {
    const attacked = new Map(profiles)
    attacked.set(victim, after(profiles.get(victim)!, hosts.get(victim)!, attack, counts, next))
    const compared = [...attacked].map(([host, profile]) => ({ host, profile }))
    const found = outliers(compared, { window })
    const own = found.find(({ host }) => host === victim)!
    const firstBy = (of: (one: Outlier) => number): boolean =>
      of(own) > 0 && found.every((other) => other === own || of(other) < of(own))
    return {
      byCount: mostUnique(attacked) === victim,
      first: firstBy(rankOf),
      firstScore: firstBy(({ score }) => score),
      firstRepeated: firstBy(({ repeated }) => repeated),
      firstStrange: firstBy(({ strange }) => strange),
      listed: own.score >= LISTED,
      flagged: own.score >= FLAGGED,
      looked: isFlagged(own),
      caught5: own.score > bar(0.05),
      caught10: own.score > bar(0.1),
      cleanFlagged: found.filter((one) => one !== own && isFlagged(one)).length,
    }
  })
  const of = (field: Exclude<keyof (typeof outcomes)[number], 'cleanFlagged'>): number =>
    to(3, share(outcomes.map((outcome) => outcome[field])))
  return {
    attack: `${name} ${counts}`,
    victims: victims.length,
    byCount: of('byCount'),
    first: of('first'),
    firstScore: of('firstScore'),
    firstRepeated: of('firstRepeated'),
    firstStrange: of('firstStrange'),
    listed: of('listed'),
    flagged: of('flagged'),
    looked: of('looked'),
    caught5: of('caught5'),
    caught10: of('caught10'),
    cleanFlagged: outcomes.reduce((sum, { cleanFlagged }) => sum + cleanFlagged, 0),
  }
}

/** A victim's profile after the attack was used so often, each time after its own last process. */
export function after(
  profile: FleetProfile,
  processes: readonly HostProcess[],
  attack: Attack,
  count: number,
  next: () => number,
): FleetProfile {
  const attacked = profile.clone()
  const last = processes.at(-1)!.time
  for (const [i, pairs] of attack(processes, count, next).entries())
    attacked.learn(pairs, last + (i + 1) * 60_000)
  return attacked
}

/** The host with most pairs that no other has; undefined where two have. */
function mostUnique(profiles: ReadonlyMap<string, FleetProfile>): string | undefined {
  const owner = new Map<number, string | undefined>()
  for (const [host, { pairs }] of profiles)
    for (const code of pairs.keys()) owner.set(code, owner.has(code) ? undefined : host)
  const counts = new Map<string, number>()
  for (const host of owner.values()) if (host) counts.set(host, (counts.get(host) ?? 0) + 1)
  const sorted = [...counts].sort((a, b) => b[1] - a[1])
  return sorted[0] && sorted[0][1] !== sorted[1]?.[1] ? sorted[0][0] : undefined
}

/** Share of hosts listed (>= 2) when several have been attacked alike, by the list of pairs that they share. */
export function severalVictims(
  hosts: ReadonlyMap<string, HostProcess[]>,
  window: number,
  attack: Attack,
  count: number,
  together: 2 | 3,
  options: { seed: number; draws: number },
): number {
  const next = random(options.seed)
  const profiles = new Map([...hosts].map(([host, processes]) => [host, learned(processes, window)]))
  const eligible = [...hosts.keys()].filter((host) => hosts.get(host)!.length >= victimLeast)
  const listed: boolean[] = []
  for (let i = 0; i < options.draws; i++) {
    const victims = draw(eligible, together, next)
    const attacked = new Map(profiles)
    for (const victim of victims)
      attacked.set(victim, after(profiles.get(victim)!, hosts.get(victim)!, attack, count, next))
    const compared = [...attacked].map(([host, profile]) => ({ host, profile }))
    const lists = [0, 1, 2].map((shared) => outliers(compared, { window, shared: shared as 0 | 1 | 2 }))
    for (const victim of victims)
      listed.push(lists.some((list) => list.some(({ host, score }) => host === victim && score >= LISTED)))
  }
  return to(2, share(listed))
}

/** Calls that a fleet was seen to make. */
export function callsOf(hosts: ReadonlyMap<string, HostProcess[]>): number[] {
  const calls = new Set<number>()
  for (const processes of hosts.values())
    for (const process of processes) for (const call of process.calls) calls.add(call)
  return [...calls].sort((a, b) => a - b)
}

/** The recipe's row beside ours: [first of 56 by unique count, by score, >= 2, >= 3, caught at 5 %, at 10 %]. */
const recipe: Record<string, (number | string)[]> = {
  'lprcp 1': [0.02, 0.02, 0.02, 0, 0.09, 1],
  'lprcp 3': [0.02, 0.7, 0.79, 0.05, 0.93, 1],
  'lprcp 10': [0.02, 0.98, 0.98, 0.93, 1, 1],
  'lprcp 1001': [0.09, 1, 1, 1, 1, 1],
  'insert 1': [0.09, 0.3, 0.37, 0.02, 0.88, 1],
  'insert 10': [0.09, 0.98, 0.98, 0.95, 1, 1],
  'splice 1': [0.02, 0.02, 0.05, 0.02, 0.3, 0.51],
  'splice 10': [0.02, 0.49, 0.49, 0.47, 0.49, 0.51],
}

export function outlierTable(
  hosts: ReadonlyMap<string, HostProcess[]>,
  attack: readonly Uint16Array[],
  window: number,
  seed: number,
  counts: Record<'lprcp' | 'insert' | 'splice', number[]> = {
    lprcp: [1, 3, 10, 1001],
    insert: [1, 10],
    splice: [1, 10],
  },
): OutlierRow[] {
  const known = callsOf(hosts)
  const attacks: Record<'lprcp' | 'insert' | 'splice', Attack> = {
    lprcp: recorded(attack, window),
    insert: madeUp((calls, next) => inserted(calls, known, next), window),
    splice: madeUp(spliced, window),
  }
  return (['lprcp', 'insert', 'splice'] as const).flatMap((name) =>
    counts[name].map((count) => outlierRow(name, hosts, window, attacks[name], count, { seed })),
  )
}

export function outlierTableText(rows: readonly OutlierRow[]): string {
  const head = [
    'attack',
    'unique',
    'score',
    '>= 2',
    '>= 3',
    '5 %',
    '10 %',
    'first',
    'a alone',
    'b alone',
    'flagged',
    'clean flagged',
  ]
  const cell = (value: number, theirs: number | string | undefined): string =>
    theirs === undefined ? value.toFixed(2) : `${value.toFixed(2)} (${theirs})`
  return table(
    head,
    rows.map((row) => {
      const theirs = recipe[row.attack] ?? []
      const ours = [row.byCount, row.firstScore, row.listed, row.flagged, row.caught5, row.caught10]
      return [
        row.attack,
        ...ours.map((value, i) => cell(value, theirs[i])),
        row.first.toFixed(2),
        row.firstRepeated.toFixed(2),
        row.firstStrange.toFixed(2),
        row.looked.toFixed(2),
        row.cleanFlagged,
      ]
    }),
  )
}
