/** One program's pairs put to the peers that run the same file: who they are, what they say, who lies. */
import { randomBytes, randomInt } from 'node:crypto'
import {
  ASK_ANSWER_BYTES,
  ASK_REQUEST,
  AskRound,
  type AskSettings,
  askDefaults,
  type Candidate,
  decodeAskAnswer,
  encodeQuestion,
  FleetError,
  FleetProfile,
  type HeldDigest,
  ownerOf,
  planFor,
  type SketchKey,
  sketchOf,
  type Verdict,
  verdictText,
} from '#fleet'
import { decodeProfile } from '#homeostasis'
import type { Familiarity, Incident } from '#incidents'
import { fullMesh } from '#mesh'
import { DaemonError } from '../errors.ts'
import { ASK_PURPOSE } from './answering.ts'
import { gatherFor } from './gather.ts'
import type { FleetHost } from './host.ts'
import type { OwnFleet } from './own.ts'

/** Two seconds of gathering and these make seven at most, with what drawing and counting take. */
const answerWaitMs = 3700
/** Of these, digests may take so long to come where some are not here. */
const gatherMs = 1000

/** The program that is asked about. */
export type Program = Pick<Incident, 'binary' | 'sha256' | 'abi' | 'window'>

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

export interface QuestionPorts {
  host: FleetHost
  own: OwnFleet
  say: (level: 1 | 2 | 3 | 4, line: string) => void
}

export class Questions {
  readonly #ports: QuestionPorts

  constructor(ports: QuestionPorts) {
    this.#ports = ports
  }

  /** How many peers, and how many of them must know a pair, follows from how many could be asked. */
  async put(of: Program, codes: readonly number[]): Promise<{ asked: Asked; verdict: Verdict }> {
    const { host } = this.#ports
    const key = this.key()
    const { binary, sha256, abi, window } = of
    const file = await host.operator.body({ binary, abi, sha256, window })
    const own = file ? FleetProfile.of(decodeProfile(file)).pairs : new Map<number, unknown>()
    await this.#gather(of)
    const candidates = this.candidates(of)
    const settings: AskSettings = { ...planFor(candidates.length), answerWait: answerWaitMs }
    const random = () => randomInt(2 ** 32) / 2 ** 32
    const round = new AskRound(own, codes, candidates, { settings, hash: key.hash, random })
    await this.#send(round, of, settings)
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

  /** @throws DaemonError where there is nobody to ask */
  key(): SketchKey {
    const key = this.#ports.own.sketchKey
    if (!key) throw new DaemonError('this host is in no mesh: there is nobody to ask')
    return key
  }

  /** Members that can be reached, whose digest shows the same file, and that have learned enough to have a say. */
  candidates(of: Program): Candidate[] {
    const { host } = this.#ports
    const key = this.key()
    const members = host.mesh.mesh.members()
    // In a large mesh a host is connected to a few, who may have chosen it; the others are dialled when they are asked.
    const large = members.length > fullMesh + 1
    const reached = new Set(
      members
        .filter(({ connected, state }) => (connected || large) && state === 'alive')
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
    const { placed } = host.mesh
    const drawn = placed?.neighbours(of.sha256, [...found.keys()], askDefaults.peers) ?? found.keys()
    const owners = new Map(members.map(({ peer, tags }) => [peer, ownerOf(tags)]))
    return [...drawn].map((peer) => {
      const { digest } = found.get(peer) as HeldDigest
      const sketch = sketchOf(digest, key)
      return { peer, tag: owners.get(peer), ...(sketch ? { sketch, made: digest.made } : {}) }
    })
  }

  /** A program that is new here may not have its neighbours' digests yet: those whom a question would go to are fetched. */
  async #gather({ sha256, abi, window }: Program): Promise<void> {
    const { host } = this.#ports
    const content = { content: sha256, abi, window }
    await gatherFor(host, { content, hosts: 2 * askDefaults.peers }, gatherMs)
  }

  async #send(round: AskRound, { sha256, abi, window }: Program, settings: AskSettings): Promise<void> {
    const { host } = this.#ports
    if (round.ask.length === 0) return
    const { mesh } = host.mesh
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
}

function notAskedText(why: NonNullable<AskRound['notAsked']>, peers: number): string {
  if (why === 'too-few-peers')
    return `not asked: ${peers} peers run the same file with a normal profile, ${askDefaults.repliesLeast} are needed`
  return why === 'too-many-pairs'
    ? `not asked: more than ${askDefaults.pairsMost} new pairs are another program`
    : 'not asked: its calls have no place in a question'
}
