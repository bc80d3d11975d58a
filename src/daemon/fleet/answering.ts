/** This host's word on pairs that a member asks about: out of normal profiles alone, signed, and at a bounded rate. */
import {
  AnswerGate,
  type AskAnswer,
  decodeQuestion,
  encodeAskAnswer,
  FleetError,
  FleetProfile,
  type Question,
  questionHash,
  wordOn,
} from '#fleet'
import { decodeProfile } from '#homeostasis'
import type { FleetHost } from './host.ts'
import type { OwnFleet } from './own.ts'

/** What answers are signed for. */
export const ASK_PURPOSE = 'ask'
/** A profile read for one question serves those that follow within this. */
const keptMs = 30_000
const keptProfiles = 16

export interface AnswererPorts {
  host: FleetHost
  own: OwnFleet
  hidden: readonly string[]
}

export class Answerer {
  readonly #ports: AnswererPorts
  readonly #gate = new AnswerGate()
  readonly #kept = new Map<string, { at: number; profile: FleetProfile }>()

  constructor(ports: AnswererPorts) {
    this.#ports = ports
  }

  gauge(): ReturnType<AnswerGate['gauge']> {
    return this.#gate.gauge()
  }

  /** Throws for a question that does not hold: the asker is told only that it failed, and it is counted here. */
  async answer(bytes: Uint8Array, from: { peer: string }): Promise<Uint8Array> {
    const { mesh, now } = this.#ports.host
    let question: Question
    try {
      const id = Buffer.from(mesh.mesh.status().id, 'hex')
      question = decodeQuestion(bytes, from.peer, { mesh: id, now: now() })
    } catch (error) {
      if (error instanceof FleetError) mesh.refusals.add(error)
      throw error
    }
    const answer = await this.#answer(question, from.peer)
    const signer = { sign: (said: Uint8Array) => mesh.mesh.signBytes(ASK_PURPOSE, said) }
    return encodeAskAnswer({ ...answer, question: questionHash(bytes), time: now() }, signer)
  }

  async #answer(question: Question, peer: string): Promise<Omit<AskAnswer, 'question' | 'time'>> {
    const { host, own } = this.#ports
    const { codes, sha256, abi, window } = question
    const refuse = (refused: 'busy' | 'not-held') => ({ word: [], refused, processes: 0, digest: 0 })
    if (!this.#gate.admit(peer, codes.length, host.now())) return refuse('busy')
    const key = own.sketchKey
    const row = host.operator
      .rows()
      .find(
        (one) => one.sha256 === sha256 && one.abi === abi && one.window === window && one.state === 'normal',
      )
    if (!row || !key || this.#ports.hidden.includes(row.binary)) return refuse('not-held')
    const profile = await this.#profile(row)
    if (!profile) return refuse('not-held')
    const announced = own.announced(own.keyOf(row))
    return {
      word: wordOn(profile, codes, announced, key.hash, host.now()),
      processes: profile.processes,
      digest: announced.at(-1)?.made ?? 0,
    }
  }

  async #profile(row: Parameters<OwnFleet['keyOf']>[0]): Promise<FleetProfile | undefined> {
    const { host } = this.#ports
    const name = `${row.binary}\0${row.sha256}\0${row.abi}\0${row.window}`
    const kept = this.#kept.get(name)
    if (kept && Math.abs(host.now() - kept.at) < keptMs) return kept.profile
    const { binary, abi, sha256, window } = row
    const file = await host.operator.body({ binary, abi, sha256, window })
    if (!file) return undefined
    const profile = FleetProfile.of(this.#ports.own.marked(decodeProfile(file)))
    this.#kept.delete(name)
    this.#kept.set(name, { at: host.now(), profile })
    if (this.#kept.size > keptProfiles) this.#kept.delete(this.#kept.keys().next().value as string)
    return profile
  }
}
