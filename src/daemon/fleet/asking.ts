/**
 * Asks the fleet about an incident's pairs before anybody is woken: two seconds gathered, peers drawn, screened by their
 * digests, asked, counted. The verdict is a class and a figure of the incident; it acts by nothing else.
 */
import { randomBytes, randomInt } from 'node:crypto'
import { settleClasses } from '#classes'
import {
  ASK_ANSWER_BYTES,
  ASK_REQUEST,
  AskQueue,
  AskRound,
  type AskSettings,
  askDefaults,
  type Candidate,
  decodeAskAnswer,
  encodeQuestion,
  FleetError,
  FleetProfile,
  type HeldDigest,
  pairHashes,
  planFor,
  type SketchKey,
  sketchOf,
  type Verdict,
  verdictText,
} from '#fleet'
import { decodeProfile, pairCode } from '#homeostasis'
import type { Familiarity, Incident, Severity } from '#incidents'
import type { FleetConfig } from '../config.ts'
import { DaemonError, oneLine } from '../errors.ts'
import type { Host } from '../host.ts'
import { programOf } from '../mesh/link.ts'
import { ASK_PURPOSE } from './answering.ts'
import type { OwnFleet } from './own.ts'

/** Two seconds of gathering and these make seven at most, with what drawing and counting take. */
const answerWaitMs = 3700
/** Verdicts are waited for before the mesh is told, where incidents that the fleet knows are not to be. */
const verdictWithinMs = 7000
/** Incidents whose asking is remembered. */
const rememberedLimit = 1024
const severities: Record<Severity, number> = { notice: 0, incident: 1, severe: 2 }

export interface AskingPorts {
  host: Host
  own: OwnFleet
  config: FleetConfig
  say: (level: 1 | 2 | 3 | 4, line: string) => void
  /** Takes an incident's pairs into the profile, on the fleet's word. */
  learn: (incident: Incident) => Promise<void>
}

/** What came of asking, as it is shown. */
export interface Asked {
  incident?: string
  binary: string
  verdict: Familiarity['verdict']
  known: number
  asked: number
  /** Peers that were drawn, and those to whom a question went; the others' digests had said no. */
  drawn: number
  questions: number
  quorum: number
  text: string
  pairs: { current: number; previous: number; distance: number; knownBy: number }[]
  liars: string[]
}

export class Asking {
  readonly #ports: AskingPorts
  readonly #queue = new AskQueue<string>()
  /** How many pairs of an incident were asked about, by its id; those that are being asked included. */
  readonly #pairs = new Map<string, number>()
  #busy = 0

  constructor(ports: AskingPorts) {
    this.#ports = ports
  }

  gauge(): ReturnType<AskQueue<string>['gauge']> {
    return this.#queue.gauge()
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
        for (const dropped of this.#queue.submit(incident.id, severities[incident.severity], now))
          this.#notAsked(dropped)
      }
      this.#start(now)
    }
    this.#settle(open)
  }

  #start(now: number): void {
    const { say } = this.#ports
    const { start, notAsked } = this.#queue.next(now)
    for (const id of notAsked) this.#notAsked(id)
    for (const id of start) {
      this.#busy++
      void this.askAbout(id)
        .catch((error) => say(1, `incident ${id}: the fleet was not asked: ${oneLine(error)}`))
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

  #notAsked(id: string): void {
    this.#ports.say(2, `incident ${id} is not asked about: too many wait, or it waited 10 minutes`)
  }

  /** What the mesh is told of: all of it, unless what the fleet knows is to be quiet. */
  told(open: Incident[]): Incident[] {
    const { config, host } = this.#ports
    if (config.familiar === 'tell') return open
    return open.filter(({ familiarity, firstSeen, sha256, abi, window, binary }) => {
      if (familiarity) return familiarity.verdict !== 'familiar' && !familiarity.wave
      const waits = host.now() - firstSeen < verdictWithinMs
      return !waits || this.#candidates({ sha256, abi, window, binary }).length < askDefaults.repliesLeast
    })
  }

  /** Asks now, whatever was asked before. Resolves with the verdict. */
  async askAbout(id: string): Promise<Asked> {
    const { host, say, config } = this.#ports
    const incident = host.incidents.book.get(id)
    if (!incident) throw new DaemonError(`no incident is called "${id}": see lymph incident list`)
    this.#remember(incident)
    const codes = incident.pairs.map(({ current, previous, distance }) =>
      pairCode(current, previous, distance),
    )
    const { asked, verdict } = await this.#ask(incident, codes)
    const key = this.#key()
    const hashes = verdict.kind === 'unfamiliar' ? pairHashes(verdict.unfamiliar, key.hash) : []
    const wave = hashes.length > 0 ? this.#wave(incident, hashes) : undefined
    const familiarity: Familiarity = {
      ...{ known: verdict.known, asked: verdict.asked, verdict: verdict.kind },
      ...{ at: host.now(), pairs: codes.length, unfamiliar: hashes },
      ...(wave ? { wave } : {}),
      ...(asked.liars.length > 0 ? { liars: asked.liars } : {}),
    }
    host.incidents.tell(id, familiarity)
    if (verdict.kind === 'familiar' && config.familiar === 'learn') await this.#ports.learn(incident)
    this.#settle(host.incidents.open())
    const joined = wave ? `; part of a wave that ${wave.host} told of first` : ''
    say(2, `incident ${id} of ${incident.binary}: ${asked.text}${joined}`)
    return { incident: id, ...asked }
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

  async #ask(
    of: { binary: string; sha256: string; abi: Incident['abi']; window: number },
    codes: readonly number[],
  ): Promise<{ asked: Asked; verdict: Verdict }> {
    const { host } = this.#ports
    const key = this.#key()
    const { binary, sha256, abi, window } = of
    const file = await host.operator.body({ binary, abi, sha256, window })
    const own = file ? FleetProfile.of(decodeProfile(file)).pairs : new Map<number, unknown>()
    const candidates = this.#candidates(of)
    const settings: AskSettings = { ...planFor(candidates.length), answerWait: answerWaitMs }
    const random = () => randomInt(2 ** 32) / 2 ** 32
    const round = new AskRound(own, codes, candidates, { settings, hash: key.hash, random })
    await this.#put(round, of, settings)
    const { verdict } = round
    const liars = this.#name(round)
    const asked: Asked = {
      binary,
      ...{ verdict: verdict.kind, known: verdict.known, asked: verdict.asked },
      ...{ drawn: round.drawn.length, questions: round.ask.length, quorum: settings.quorum },
      text: round.notAsked ? notAskedText(round.notAsked, round.drawn.length) : verdictText(verdict),
      pairs: codes.map((code, place) => ({
        current: Math.floor(code / 32_768),
        previous: Math.floor(code / 8) % 4096,
        distance: (code % 8) + 1,
        knownBy: verdict.knownBy[place] ?? 0,
      })),
      liars,
    }
    return { asked, verdict }
  }

  async #put(
    round: AskRound,
    of: { sha256: string; abi: Incident['abi']; window: number },
    settings: AskSettings,
  ): Promise<void> {
    const { host } = this.#ports
    if (round.ask.length === 0) return
    const { mesh } = host.mesh
    const { sha256, abi, window } = of
    const bytes = encodeQuestion({
      ...{ sha256, abi, window, nonce: randomBytes(16), time: host.now() },
      mesh: Buffer.from(mesh.status().id, 'hex'),
      codes: [...round.codes],
    })
    const verify = (said: Uint8Array, signature: Uint8Array, peer: string) =>
      mesh.verifyBytes(ASK_PURPOSE, said, signature, peer)
    const limits = { answerBytes: ASK_ANSWER_BYTES, timeoutMs: settings.answerWait }
    const asking = round.ask.map(async ({ peer }) => {
      try {
        const reply = await mesh.request(peer, ASK_REQUEST, bytes, limits)
        const question = { bytes, pairs: round.codes.length }
        const answer = decodeAskAnswer(reply, peer, question, { verify })
        if (answer.refused) round.unheard(peer)
        else round.hear(peer, answer.word, answer.time)
      } catch (error) {
        if (error instanceof FleetError) host.mesh.refusals.add(error)
        round.unheard(peer)
      }
    })
    await Promise.all(asking)
  }

  /** Liars are counted beside the member's name, and named. */
  #name(round: AskRound): string[] {
    const { host, say } = this.#ports
    const names = new Map(host.mesh.members([]).map(({ peer, name }) => [peer, name]))
    return round.liars.map((liar) => {
      const name = names.get(liar.peer) ?? liar.peer
      host.mesh.refusals.add({ peer: liar.peer, reason: liar.proven ? 'liar' : 'contradiction' })
      const how = liar.proven ? 'its own digest of the last day proves it' : 'no host can know them'
      say(
        1,
        `${name} says that it knows ${liar.codes.length} pairs that it denies (${liar.decoys} were made up): ${how}; its word is not counted`,
      )
      return name
    })
  }

  #key(): SketchKey {
    const key = this.#ports.own.sketchKey
    if (!key) throw new DaemonError('this host is in no mesh: there is nobody to ask')
    return key
  }

  /** Members that can be reached, whose digest shows the same file, and that have learned enough to have a say. */
  #candidates(of: { binary: string; sha256: string; abi: string; window: number }): Candidate[] {
    const { host } = this.#ports
    const key = this.#key()
    const reached = new Set(
      host.mesh.mesh
        .members()
        .filter(({ connected, state }) => connected && state === 'alive')
        .map(({ peer }) => peer),
    )
    const found = new Map<string, HeldDigest>()
    for (const held of host.mesh.digests.all()) {
      const { digest, peer } = held
      if (digest.sha256 !== of.sha256 || digest.abi !== of.abi || digest.window !== of.window) continue
      if (!reached.has(peer) || digest.state !== 'normal') continue
      if ((digest.processes ?? askDefaults.peerProcesses) < askDefaults.peerProcesses) continue
      found.set(peer, held)
    }
    return [...found].map(([peer, { digest }]) => {
      const sketch = sketchOf(digest, key)
      return { peer, ...(sketch ? { sketch, made: digest.made } : {}) }
    })
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
      open.some(({ familiarity }) => familiarity?.verdict === verdict)
    const wanted = [
      ...(of('familiar') ? ['ph_familiar'] : []),
      ...(of('unfamiliar') ? ['ph_unfamiliar'] : []),
      ...(this.#busy > 0 ? ['ph_asking'] : []),
    ]
    const until = now() + 60_000
    const list = wanted.map((name) => ({ name, until }))
    settleClasses(classes, 'fleet-asking', list, now())
  }
}

function notAskedText(why: NonNullable<AskRound['notAsked']>, peers: number): string {
  if (why === 'too-few-peers')
    return `not asked: ${peers} peers run the same file with a normal profile, ${askDefaults.repliesLeast} are needed`
  return why === 'too-many-pairs'
    ? `not asked: more than ${askDefaults.pairsMost} new pairs are another program`
    : 'not asked: its calls have no place in a question'
}
