/**
 * Asks the fleet about an incident's pairs before anybody is woken: two seconds gathered, peers asked (`questions.ts`). The
 * verdict is a class and a figure of the incident, and decides whether the mesh is told; it acts by nothing else.
 */
import { settleClasses } from '#classes'
import { AskQueue, askDefaults, pairHashes, type Verdict } from '#fleet'
import { pairCode } from '#homeostasis'
import type { Familiarity, Incident, Severity } from '#incidents'
import type { Repository } from '#store'
import type { FleetConfig } from '../config.ts'
import { DaemonError, oneLine } from '../errors.ts'
import { programOf } from '../mesh/link.ts'
import { type HeldPage, Paging, type Shown } from './paging.ts'
import { type Asked, type QuestionPorts, Questions } from './questions.ts'

/** Verdicts are waited for before the mesh is told, where not all incidents are to be told of. */
const verdictWithinMs = 7000
/** Incidents whose asking is remembered. */
const rememberedLimit = 1024
const severities: Record<Severity, number> = { notice: 0, incident: 1, severe: 2 }

export interface AskingPorts extends QuestionPorts {
  config: FleetConfig
  /** Incidents that wait to be shown again. */
  kept: Repository<string, HeldPage>
  /** Takes an incident's pairs into the profile, on the word of so many peers. */
  learn: (incident: Incident, quorum: number) => Promise<void>
}

export class Asking {
  readonly #ports: AskingPorts
  readonly #questions: Questions
  readonly #queue = new AskQueue<string>()
  readonly #paging: Paging
  /** How many pairs of an incident were asked about, by its id; those that are being asked included. */
  readonly #pairs = new Map<string, number>()
  #busy = 0

  constructor(ports: AskingPorts) {
    this.#ports = ports
    this.#questions = new Questions(ports)
    this.#paging = new Paging(ports.kept, (line) => ports.say(1, line))
  }

  restore(): Promise<void> {
    return this.#paging.restore()
  }

  gauge(): ReturnType<AskQueue<string>['gauge']> & { paging: ReturnType<Paging['gauge']> } {
    return { ...this.#queue.gauge(), paging: this.#paging.gauge() }
  }

  /** Looks at the open incidents; call it every second. Starts what is due, and waits for none of it. */
  look(): void {
    const { host, own } = this.#ports
    const now = host.now()
    const open = host.incidents.open()
    if (own.sketchKey && open.length > 0) {
      for (const incident of open) {
        if (incident.sha256 === '' || now - incident.firstSeen < askDefaults.gather) continue
        if (incident.pairs.length <= (this.#pairs.get(incident.id) ?? incident.familiarity?.pairs ?? 0))
          continue
        this.#remember(incident)
        this.#submit(incident)
      }
      this.#start(now)
    }
    const { book } = host.incidents
    const stateOf = (id: string) => book.get(id)?.state
    this.#paging.keepHouse(
      (id) => stateOf(id) === 'open',
      (id) => stateOf(id) === 'resolved',
      now,
    )
    this.#settle(open)
  }

  /** An anomalous call: what waited to be shown again may be shown by it. */
  shown(anomaly: Shown, incident: Incident): void {
    const { config, host } = this.#ports
    if (config.page === 'always' || incident.sha256 === '') return
    const over = this.#paging.shown(incident.id, programOf(incident), anomaly, host.now())
    if (over.length === 0) return
    for (const id of over) if (id !== incident.id) this.#endWait(id)
    // One that was not asked about yet will be.
    if (incident.familiarity) this.#submit(incident)
  }

  #submit({ id, severity }: Incident): void {
    const now = this.#ports.host.now()
    for (const dropped of this.#queue.submit(id, severities[severity], now)) this.#notAsked(dropped)
  }

  #start(now: number): void {
    const { say } = this.#ports
    const { start, notAsked } = this.#queue.next(now)
    for (const id of notAsked) this.#notAsked(id)
    for (const id of start) {
      this.#busy++
      void this.askAbout(id)
        .catch((error) => {
          say(1, `incident ${id}: the fleet was not asked: ${oneLine(error)}`)
          this.#endWait(id)
        })
        .finally(() => {
          this.#busy--
          this.#queue.finish(id)
        })
    }
  }

  #remember({ id, pairs }: Incident): void {
    this.#pairs.delete(id)
    this.#pairs.set(id, pairs.length)
    if (this.#pairs.size > rememberedLimit) this.#pairs.delete(this.#pairs.keys().next().value as string)
  }

  /** Where the fleet has no say, somebody is told. */
  #notAsked(id: string): void {
    this.#ports.say(2, `incident ${id} is not asked about: too many wait, or it waited 10 minutes`)
    this.#endWait(id)
  }

  /** What the mesh is told of: all of it, unless what the fleet knows is to be quiet, or what is shown once to wait. */
  told(open: Incident[]): Incident[] {
    const { config, host, own } = this.#ports
    const quiet = config.familiar !== 'tell'
    if (!own.sketchKey || (!quiet && config.page === 'always')) return open
    return open.filter((incident) => {
      const { familiarity, firstSeen, pairs, severity } = incident
      if (familiarity) {
        if (quiet && (familiarity.verdict === 'familiar' || familiarity.wave)) return false
        return !this.#waits(incident)
      }
      // Of what the judgement alone found there is nothing to ask; a severe one waits for what may quiet it alone.
      if (pairs.length === 0 || (!quiet && severity === 'severe')) return true
      const waits = host.now() - firstSeen < verdictWithinMs
      return !waits || this.#questions.candidates(incident).length < askDefaults.repliesLeast
    })
  }

  /** Asks now, whatever was asked before. Resolves with the verdict. */
  async askAbout(id: string): Promise<Asked> {
    const { host, say, config, learn } = this.#ports
    const incident = host.incidents.book.get(id)
    if (!incident) throw new DaemonError(`no incident is called "${id}": see lymph incident list`)
    this.#remember(incident)
    const codes = incident.pairs.map(({ current, previous, distance }) =>
      pairCode(current, previous, distance),
    )
    const { asked, verdict } = await this.#questions.put(incident, codes)
    const { hash } = this.#questions.key()
    const hashes = verdict.kind === 'unfamiliar' ? pairHashes(verdict.unfamiliar, hash) : []
    const wave = hashes.length > 0 ? this.#wave(incident, hashes) : undefined
    const waits = this.#holdBack(host.incidents.book.get(id) ?? incident, verdict, wave !== undefined)
    const familiarity: Familiarity = {
      ...{ known: verdict.known, asked: verdict.asked, verdict: verdict.kind },
      ...{ at: host.now(), pairs: codes.length, unfamiliar: hashes },
      ...(wave ? { wave } : {}),
      ...(waits ? { waits } : {}),
      ...(asked.liars.length > 0 ? { liars: asked.liars } : {}),
    }
    host.incidents.tell(id, familiarity)
    if (verdict.kind === 'familiar' && config.familiar === 'learn') await learn(incident, asked.quorum)
    this.#settle(host.incidents.open())
    const joined = wave ? `; part of a wave that ${wave.host} told of first` : ''
    const later = waits ? '; the mesh is told when it is shown again within 7 days' : ''
    const text = `${asked.text}${joined}${later}`
    say(2, `incident ${id} of ${incident.binary}: ${text}`)
    return { incident: id, ...asked, text }
  }

  /** Of an incident's id, or of the newest incident of a binary. */
  askOf(what: string): Promise<Asked> {
    const { book } = this.#ports.host.incidents
    if (book.get(what)) return this.askAbout(what)
    const named = book
      .list()
      .find(({ binary }) => binary === what || (!what.includes('/') && binary.endsWith(`/${what}`)))
    if (!named)
      throw new DaemonError(
        `no incident is "${what}", nor of a program of that name: see lymph incident list`,
      )
    return this.askAbout(named.id)
  }

  /**
   * Whether it waits to be shown again before the mesh is told: not what is severe, what another host has shown as well, nor
   * what the mesh was told of before.
   */
  #holdBack(incident: Incident, { kind, unfamiliar }: Verdict, wave: boolean): boolean {
    const { config, host } = this.#ports
    const { id, severity, familiarity: before } = incident
    const told = before?.verdict === 'unfamiliar' && !before.waits
    const may = config.page === 'recurring' && kind === 'unfamiliar' && severity !== 'severe'
    if (!may || wave || told) {
      this.#paging.release(id)
      return false
    }
    const { tell, gaveWay } = this.#paging.unfamiliar(id, programOf(incident), unfamiliar, host.now())
    for (const one of gaveWay) if (one !== id) this.#endWait(one)
    return !tell && !gaveWay.includes(id)
  }

  #waits({ familiarity, severity }: Incident): boolean {
    return this.#ports.config.page === 'recurring' && familiarity?.waits === true && severity !== 'severe'
  }

  #endWait(id: string): void {
    const { incidents } = this.#ports.host
    const familiarity = incidents.book.get(id)?.familiarity
    if (!familiarity?.waits) return
    const { waits: _, ...rest } = familiarity
    incidents.tell(id, rest)
  }

  #wave(incident: Incident, hashes: string[]): Familiarity['wave'] {
    const { host } = this.#ports
    const found = host.mesh.waves.find(programOf(incident), hashes, host.now())
    // Who told of it first is not part of the other's.
    if (!found || found.raised >= incident.firstSeen) return undefined
    const named = host.mesh.members([]).find(({ peer }) => peer === found.peer)
    return { peer: found.peer, host: named?.name ?? found.peer }
  }

  /** While an open incident has such a verdict; `ph_asking` while one is waited for. */
  #settle(open: readonly Incident[]): void {
    const { classes, now } = this.#ports.host
    const of = (verdict: Familiarity['verdict']) =>
      open.some((one) => one.familiarity?.verdict === verdict && !this.#waits(one))
    const wanted = [
      ...(of('familiar') ? ['ph_familiar'] : []),
      ...(of('unfamiliar') ? ['ph_unfamiliar'] : []),
      ...(this.#busy > 0 ? ['ph_asking'] : []),
    ]
    const until = now() + 60_000
    const list = wanted.map((name) => ({ name, until }))
    settleClasses(classes, 'fleet-asking', list, now())
  }

  stop(): Promise<void> {
    return this.#paging.stop()
  }
}
