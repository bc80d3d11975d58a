/** Section 4 of the recipe: a fleet replayed in order of time, each host asking before it pages. */
import {
  type AskSettings,
  answersOf,
  askDefaults,
  drawPeers,
  FleetProfile,
  type PairAnswer,
  PairHash,
  pairHashes,
  Recurrence,
  type Verdict,
  verdictOf,
  WaveBook,
} from '#fleet'
import { random } from './fleet.ts'
import { type HostProcess, pairsOf } from './traces.ts'

const hour = 3_600_000
const day = 24 * hour
/** An incident is over when nothing was added to it for so long. */
export const QUIET = hour
const PROGRAM = 'the one compared'

export interface AskOptions {
  window: number
  seed: number
  settings?: Partial<AskSettings>
  /** Nobody is asked. */
  silent?: boolean
  /** Answers 1 at any age, borrowed or not: the rule without its two guards. */
  unguarded?: boolean
  waves?: boolean
  /** Hosts that answer otherwise than they know. */
  lie?: (peer: string, codes: readonly number[], word: PairAnswer[]) => PairAnswer[]
  /** Pages wait until a later process shows an unfamiliar pair again. */
  recurrence?: boolean
  /** Told after each process of a host that asks. */
  probe?: (fleet: Fleet, process: HostProcess, next: () => number) => void
}

/** A process with novel pairs that the fleet did not excuse. */
export interface AskEvent {
  host: string
  time: number
  codes: Uint32Array
  novel: readonly number[]
  verdict: Verdict
  /** It joined another host's incident. */
  joined: boolean
}

export interface Incident {
  host: string
  began: number
  last: number
}

export interface Page {
  host: string
  time: number
}

export interface AskFigures {
  /** Hosts that ran more processes than are learned silently. */
  hosts: number
  questions: number
  familiar: number
  notEnough: number
  joined: number
  /** By host, of the whole time and of the second week: incidents and those paged. */
  incidents: number
  pages: number
  incidentsLater: number
  pagesLater: number
  list: Incident[]
  paged: Page[]
  events: AskEvent[]
}

/** The fleet in the middle of a replay. */
export class Fleet {
  readonly profiles = new Map<string, FleetProfile>()
  readonly waves = new WaveBook()
  readonly settings: AskSettings
  readonly hash = new PairHash(Buffer.alloc(32, 1))
  readonly options: AskOptions
  readonly next: () => number
  now = 0

  constructor(options: AskOptions) {
    this.options = options
    this.settings = { ...askDefaults, ...options.settings }
    this.next = random(options.seed)
  }

  /** Peers that could be asked. */
  peersOf(host: string): { peer: string; profile: FleetProfile }[] {
    const found: { peer: string; profile: FleetProfile }[] = []
    for (const [peer, profile] of this.profiles)
      if (peer !== host && profile.processes >= this.settings.peerProcesses) found.push({ peer, profile })
    return found
  }

  /** What the fleet says of pairs that are new to a host. */
  ask(host: string, novel: readonly number[], next = this.next): Verdict {
    const drawn = drawPeers(
      this.peersOf(host).map((one) => ({ ...one, tag: undefined })),
      this.settings,
      next,
    )
    const guards = this.options.unguarded
      ? { ...this.settings, pairAge: 0, borrowedAge: 0, borrowedProcesses: 0 }
      : this.settings
    const words = drawn.map(({ peer, profile }) => {
      const word = answersOf(profile, novel, this.now, guards)
      return this.options.lie ? this.options.lie(peer, novel, word) : word
    })
    return verdictOf(novel, words, this.settings)
  }

  /** Whether an incident with these unfamiliar pairs would join another host's. */
  joins(unfamiliar: readonly number[]): boolean {
    return (
      this.options.waves === true &&
      this.waves.find(PROGRAM, pairHashes(unfamiliar, this.hash), this.now) !== undefined
    )
  }
}

/** Replays processes in order of time. Hosts learn their first ten silently; then what is novel is asked about, and learned. */
export function replayAsking(processes: readonly HostProcess[], options: AskOptions): AskFigures {
  const fleet = new Fleet(options)
  const { settings, profiles, waves, next, hash } = fleet
  const begin = processes[0]?.time ?? 0
  const open = new Map<string, Incident>()
  const list: Incident[] = []
  const events: AskEvent[] = []
  const pages: Page[] = []
  const recurrence = new Recurrence<Page>()
  const lastPage = new Map<string, number>()
  /** One page for what comes within an hour of the last on that host, as one incident. */
  const page = (one: Page): void => {
    const last = lastPage.get(one.host)
    if (last === undefined || one.time - last > QUIET) pages.push(one)
    lastPage.set(one.host, one.time)
  }
  const figures = { questions: 0, familiar: 0, notEnough: 0, joined: 0 }
  for (const process of processes) {
    const { host, time } = process
    fleet.now = time
    let profile = profiles.get(host)
    if (!profile) {
      profile = new FleetProfile(options.window)
      profiles.set(host, profile)
    }
    const codes = pairsOf(process, options.window)
    for (const { incident, codes: again } of recurrence.shown(host, codes, time))
      if (fleet.ask(host, again).kind !== 'familiar') page({ ...incident, time })
    const novel = profile.novel(codes)
    const asks = profile.processes >= settings.ownProcesses
    if (!asks || novel.length === 0) {
      profile.learn(codes, time)
      if (asks) options.probe?.(fleet, process, next)
      continue
    }
    figures.questions++
    const verdict = options.silent ? verdictOf(novel, [], settings) : fleet.ask(host, novel)
    if (verdict.kind === 'not-asked-enough') figures.notEnough++
    if (verdict.kind === 'familiar') {
      figures.familiar++
      profile.learn(codes, time, true)
    } else {
      const joined = fleet.joins(verdict.unfamiliar)
      if (joined) figures.joined++
      const event = { host, time, codes, novel, verdict, joined }
      profile.learn(codes, time)
      events.push(event)
      let incident = open.get(host)
      if (!incident || time - incident.last > QUIET) {
        incident = { host, began: time, last: time }
        open.set(host, incident)
        list.push(incident)
      }
      incident.last = time
      if (options.recurrence && !joined)
        for (const dropped of recurrence.hold({ host, time }, host, verdict.unfamiliar, time)) page(dropped)
      else if (!joined) page({ host, time })
      if (options.waves)
        waves.raise({
          peer: host,
          key: `${incident.began}`,
          program: PROGRAM,
          raised: time,
          hashes: pairHashes(verdict.unfamiliar, hash),
        })
    }
    options.probe?.(fleet, process, next)
  }
  const hosts = [...profiles.values()].filter((one) => one.processes > settings.ownProcesses).length
  const later = list.filter(({ began }) => began - begin >= 7 * day)
  return {
    hosts,
    ...figures,
    incidents: list.length / hosts,
    pages: pages.length / hosts,
    incidentsLater: later.length / hosts,
    pagesLater: pages.filter(({ time }) => time - begin >= 7 * day).length / hosts,
    list,
    paged: pages,
    events,
  }
}
