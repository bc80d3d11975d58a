/**
 * This host on the mesh: its open incidents, the alarms of its environment and what ails it go out as semaphores, its profiles as
 * digests; what others say comes in as warnings and digests. Without a mesh everything here rests.
 */
import {
  ASK_ANSWER_BYTES,
  ASK_REQUEST,
  DigestBook,
  type DigestExchange,
  type OwnProfiles,
  type PlacedDigests,
  type PlacementSetting,
  QUESTION_BYTES,
  Refusals,
  type SketchKey,
  sketchKey,
  WaveBook,
} from '#fleet'
import {
  type About,
  type Incident,
  type NetworkClass,
  type NetworkView,
  networkClasses,
  type QuorumRules,
  readSemaphore,
  type SemaphoreBody,
  toSemaphore,
  type Warning,
  WarningBook,
  type WarningVerdict,
} from '#incidents'
import {
  hasMesh,
  type JournalMark,
  type Member,
  type Mesh,
  type MeshEvent,
  type MeshRecord,
  openMesh,
} from '#mesh'
import type { KeyValue, Repository } from '#store'
import type { MeshWays } from '../config.ts'
import { DaemonError } from '../errors.ts'
import { MeshDigests } from './digests.ts'
import { MemberWatch } from './member-watch.ts'
import { SemaphoreSender } from './semaphore-sender.ts'

/** What two hosts' incidents must be of to be one wave. */
export const programOf = ({ sha256, abi, window }: { sha256: string; abi: string; window: number }): string =>
  `${sha256} ${abi} ${window}`

export interface MeshLinkPorts {
  folder: string
  listen: string[]
  ways: MeshWays
  keyValue: KeyValue
  /** What the operator decided of warnings, under `all`. */
  verdicts: Repository<string, WarningVerdict[]>
  version: string
  now: () => number
  say: (level: 1 | 2 | 3 | 4, line: string) => void
  own: OwnProfiles
  /** Where digests are, and how many members' of a program this host keeps. */
  placement: { placement: PlacementSetting; neighbours: number }
  /** How far this host's journal reaches: told with every sign of life. */
  journal?: () => JournalMark | undefined
  /** A member's question about pairs (`/lymph/ask`). */
  onQuestion: (question: Uint8Array, from: Member) => Promise<Uint8Array>
  /** A warning came, changed or went. */
  onWarning: (change: string, warning: Warning) => void
}

const PING_REQUEST = 'ping'

export class MeshLink {
  readonly #ports: MeshLinkPorts
  readonly #sender: SemaphoreSender
  readonly refusals = new Refusals()
  /** Incidents of other hosts that one of this host's may be a part of. */
  readonly waves = new WaveBook()
  #mesh: Mesh | undefined
  #warnings = new WarningBook('')
  /** Of a host that is in no mesh. */
  readonly #none = new DigestBook(this.refusals)
  #digests: MeshDigests | undefined
  #sketchKey: { secret: string; key: SketchKey } | undefined
  readonly #watch: MemberWatch

  constructor(ports: MeshLinkPorts) {
    this.#ports = ports
    this.#sender = new SemaphoreSender(ports)
    this.#watch = new MemberWatch(ports)
  }

  /** Opens the mesh this host is a member of; false when there is none. */
  async open(): Promise<boolean> {
    const { folder, listen, ways, keyValue, version, now, say, own, placement } = this.#ports
    if (this.#mesh || !hasMesh(folder)) return this.#mesh !== undefined
    const mesh = await openMesh({
      folder,
      listen,
      ...ways,
      keyValue,
      version,
      now,
      ...(this.#ports.journal ? { journal: this.#ports.journal } : {}),
      log: { info: (line) => say(2, line), warn: (line) => say(1, line) },
    })
    this.#mesh = mesh
    this.#warnings = new WarningBook(mesh.status().peer)
    this.#warnings.remember((await this.#ports.verdicts.get('all')) ?? [])
    this.#digests = new MeshDigests({
      ...{ mesh, own, now, refusals: this.refusals, placement },
      sketchKey: () => this.sketchKey,
      others: () => this.#others(),
    })
    mesh.serve(ASK_REQUEST, (question, from) => this.#ports.onQuestion(question, from), {
      requestBytes: QUESTION_BYTES,
      answerBytes: ASK_ANSWER_BYTES,
    })
    mesh.serve(PING_REQUEST, async () => new Uint8Array(), { requestBytes: 16, answerBytes: 16 })
    mesh.onEvent((event) => this.#take(event))
    // What stands already, from before a restart or while the listener was not there.
    for (const record of mesh.records()) this.#take({ type: 'record', change: 'raised', record })
    return true
  }

  get mesh(): Mesh {
    if (!this.#mesh)
      throw new DaemonError(
        'this host is in no mesh: `lymph mesh init` founds one, `lymph mesh join TOKEN` joins one',
      )
    return this.#mesh
  }

  get exchange(): DigestExchange | undefined {
    return this.#digests?.exchange
  }

  get placed(): PlacedDigests | undefined {
    return this.#digests?.placed
  }

  /** What this mesh's sketches are made with; another once the ring's key is another. */
  get sketchKey(): SketchKey | undefined {
    if (!this.#mesh) return undefined
    const secret = this.#mesh.derive('sketch')
    const name = Buffer.from(secret).toString('hex')
    if (this.#sketchKey?.secret !== name) this.#sketchKey = { secret: name, key: sketchKey(secret) }
    return this.#sketchKey.key
  }

  get digests(): DigestBook {
    return this.#digests?.book ?? this.#none
  }

  status(): { id: string; members: number; connected: number } | null {
    const status = this.#mesh?.status()
    return status ? { id: status.id, members: status.members, connected: status.connected } : null
  }

  get peer(): string {
    return this.#mesh?.status().peer ?? ''
  }

  #others(): { peer: string; name: string }[] {
    const own = this.peer
    return (this.#mesh?.members() ?? [])
      .filter(({ peer, state }) => peer !== own && (state === 'alive' || state === 'silent'))
      .map(({ peer, name }) => ({ peer, name }))
  }

  #take(event: MeshEvent): void {
    if (event.type === 'member') {
      if (event.change === 'left' || event.change === 'revoked') this.#digests?.forget(event.member.peer)
      this.#watch.heed(event.change, event.member)
      return
    }
    const { change, record } = event
    const now = this.#ports.now()
    if (record.kind === 'digest' || record.kind === 'inventory') {
      this.#digests?.take(change, record)
      return
    }
    if (record.kind !== 'semaphore') return
    if (record.peer === this.peer && change === 'raised') {
      // Raised before a restart: told again or cleared by what is open now.
      const read = readSemaphore(record.body)
      if (read.ok) this.#sender.heard(record.key, read.body, record.made)
    }
    const applied = this.#warnings.apply(change, record, now)
    if (applied.ok && !applied.own) this.#wave(applied.change, record)
    if (!applied.ok) this.#ports.say(1, `a semaphore of ${record.name} was refused: ${applied.reason}`)
    else if (!applied.own) this.#ports.onWarning(applied.change, applied.warning)
  }

  #wave(change: string, { peer, key, body, received }: MeshRecord): void {
    const read = readSemaphore(body)
    if (change === 'cleared' || change === 'expired') this.waves.clear({ peer, key })
    else if (read.ok && read.body.about === 'binary' && read.body.unfamiliar) {
      const { sha256, abi, window, unfamiliar } = read.body
      const program = programOf({ sha256, abi, window })
      this.waves.raise({ peer, key, program, raised: received, hashes: unfamiliar })
    }
  }

  warnings(): Warning[] {
    return [...this.#watch.warnings(this.#mesh?.members() ?? []), ...this.#warnings.list(this.#ports.now())]
  }

  /** The classes that follow from what stands on the mesh. */
  classes(view: Pick<NetworkView, 'runs' | 'allowed'>, rules: QuorumRules): NetworkClass[] {
    const now = this.#ports.now()
    const voices = [...this.#watch.warnings(this.#mesh?.members() ?? []), ...this.#warnings.voices(now)]
    const members = this.#mesh?.status().members ?? 1
    return networkClasses({ ...view, voices, self: this.peer, members }, rules, now)
  }

  /** Shown and counted no more; outlives a restart. @returns how many */
  async dismiss(peer: string, kind: string, subject: string): Promise<number> {
    const dismissed = this.#warnings.dismiss(peer, kind, subject)
    if (dismissed > 0) await this.#ports.verdicts.put('all', this.#warnings.verdicts())
    return dismissed
  }

  /** Shown as seen; outlives a restart. @returns how many */
  async acknowledge(peer: string, kind: string, subject: string): Promise<number> {
    const acknowledged = this.#warnings.acknowledge(peer, kind, subject)
    if (acknowledged > 0) await this.#ports.verdicts.put('all', this.#warnings.verdicts())
    return acknowledged
  }

  expire(): void {
    const now = this.#ports.now()
    for (const warning of this.#warnings.expire(now)) this.#ports.onWarning('expired', warning)
    this.#digests?.book.expire(now)
    this.waves.expire(now)
  }

  /** Tells the mesh of the open incidents. */
  publishIncidents(open: Incident[]): Promise<void> {
    return this.stand('binary', open.map(toSemaphore))
  }

  /** Tells the mesh of all that stands of one kind of subject. */
  stand(about: About, bodies: readonly SemaphoreBody[]): Promise<void> {
    return this.#sender.stand(about, bodies, this.#mesh)
  }

  /** Other members: those named, or all. */
  members(names: string[]): { peer: string; name: string }[] {
    const others = this.#others()
    if (names.length === 0) return others
    return names.map((name) => {
      const found = others.find((one) => one.name === name || one.peer === name)
      if (!found) throw new DaemonError(`no other member is called "${name}": see lymph mesh members`)
      return found
    })
  }

  /** Every member, and what this host refused of what it said, by reason. */
  memberLines(): (Member & { refused: Record<string, number> })[] {
    const semaphores = this.#warnings.gauge().refused
    return this.mesh.members().map((member) => {
      const refused = this.refusals.of(member.peer)
      for (const [field, n] of Object.entries(semaphores[member.peer] ?? {}))
        refused[`bad-semaphore-${field}`] = n
      return { ...member, refused }
    })
  }

  /** The shortest question there is; resolves with the answer's coming. */
  async askNothing(peer: string): Promise<void> {
    await this.mesh.request(peer, PING_REQUEST, new Uint8Array(), { answerBytes: 16, timeoutMs: 5000 })
  }

  /** The members to ask for a profile: those named, or all whose digests tell of the binary. */
  holders(binary: string, names: string[]): { peer: string; name: string }[] {
    if (names.length > 0) return this.members(names)
    const others = this.#others()
    const have = new Set(this.digests.of(binary).map(({ peer }) => peer))
    return others.filter(({ peer }) => have.has(peer))
  }

  async leave(): Promise<void> {
    await this.mesh.leave()
    await this.close()
  }

  async close(): Promise<void> {
    const mesh = this.#mesh
    this.#mesh = undefined
    this.#digests = undefined
    this.#watch.clear()
    await this.#sender.end()
    await mesh?.stop()
  }
}
