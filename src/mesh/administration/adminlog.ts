/**
 * The admin log: who may issue, who is revoked, which keys the ring has. A hash chain of signed entries; its head is
 * compared in every hello, so a host that was away learns of a revocation before anything else, and a fork shows. A
 * checkpoint says all that stands, so what lies before the last but one is forgotten.
 */
import { z } from 'zod'
import { because, MeshError } from '../errors.ts'
import { bytes, meshIdOf, time } from '../identity/certificate.ts'
import type { Signer } from '../identity/keys.ts'
import { limits } from '../limits.ts'
import { equals, seal, sealed, sha256, unseal } from '../records/codec.ts'
import { AdminState, type AdminStatement, adminStatement, type RingRules } from './adminstate.ts'

export type { AdminStatement } from './adminstate.ts'

const entryFields = z.strictObject({
  v: z.literal(1),
  meshId: bytes(16),
  seq: z.int().positive(),
  prev: bytes(32),
  ts: time,
  by: bytes(32),
  body: adminStatement,
})
type EntryFields = z.infer<typeof entryFields>

export interface AdminHead {
  seq: number
  hash: Uint8Array
}

/** Entries travel and are kept as they were signed. A checkpoint may be larger than the others. */
export const adminEntries = z
  .array(
    z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length <= limits.checkpointBytes),
  )
  .max(limits.adminEntries)

export class AdminLog {
  readonly state: AdminState
  readonly #root: Uint8Array
  #entries: Uint8Array[] = []
  #hashes: Uint8Array[] = []
  /** Number of the entry before the first one kept. */
  #base = 0
  /** Numbers of the checkpoints kept, ascending. */
  #checkpoints: number[] = []

  constructor(root: Uint8Array, entries: Uint8Array[] = []) {
    this.#root = root
    this.state = new AdminState(root)
    for (const entry of entries) this.append(entry)
  }

  /** An empty log has head 0 and a hash of zeros. */
  head(): AdminHead {
    return { seq: this.#base + this.#entries.length, hash: this.#hashes.at(-1) ?? new Uint8Array(32) }
  }

  /** Those kept: from the first, or from a checkpoint on. */
  entries(): Uint8Array[] {
    return [...this.#entries]
  }

  /** Entries after number `seq`; all that are kept where some after it are not. */
  since(seq: number): Uint8Array[] {
    return this.#entries.slice(Math.max(0, seq - this.#base))
  }

  /** What head this log had at `seq`, to tell "behind" from "forked". Nothing where it is not kept. */
  hashAt(seq: number): Uint8Array | undefined {
    return seq === 0 ? new Uint8Array(32) : this.#hashes[seq - this.#base - 1]
  }

  revoked(peer: string, serial: string): boolean {
    return this.state.revoked(peer, serial)
  }

  rules(now: number): RingRules {
    return this.state.rules(now)
  }

  /** Whether the log has grown enough for its issuer to write a checkpoint. */
  get checkpointDue(): boolean {
    return this.head().seq - (this.#checkpoints.at(-1) ?? 0) >= limits.checkpointEvery
  }

  /** The next entry, signed. `append` it to have it hold. */
  make(statement: AdminStatement, signer: Signer, ts: number): Uint8Array {
    const head = this.head()
    const meshId = meshIdOf(this.#root)
    const by = signer.publicKey
    return seal(
      'admin',
      { v: 1, meshId, seq: head.seq + 1, prev: head.hash, ts, by, body: statement },
      signer,
    )
  }

  /**
   * Throws MeshError 'bad-log' where the entry does not continue the chain or its signer may not say it. A checkpoint further
   * on is taken without what lies between.
   */
  append(entry: Uint8Array): AdminStatement {
    const at = `entry ${this.head().seq + 1} of the admin log`
    const refuse = (why: string) => new MeshError('bad-log', `${at}: ${why}`)
    if (entry.length > limits.checkpointBytes) throw refuse('it is too large')
    const { read, sig } = opened(entry, refuse)
    const isCheckpoint = read.body.op === 'checkpoint'
    if (!isCheckpoint && entry.length > limits.adminEntryBytes) throw refuse('it is too large')
    if (!isCheckpoint && this.#entries.length >= limits.adminEntries) throw refuse('the log is full')
    const head = this.head()
    if (!equals(read.meshId, meshIdOf(this.#root))) throw refuse('it belongs to another mesh')
    const continues = read.seq === head.seq + 1 && equals(read.prev, head.hash)
    const jumps = read.body.op === 'checkpoint' && read.seq > head.seq + 1
    if (!continues && !jumps) throw refuse('it does not continue the chain')
    if (!sealed('admin', entry, sig, read.by)) throw refuse('the signature does not hold')
    if (jumps && read.body.op === 'checkpoint') {
      this.state.jump(read.body, read, refuse)
      this.#entries = []
      this.#hashes = []
      this.#checkpoints = []
      this.#base = read.seq - 1
    } else this.state.obey(read.body, read, refuse)
    this.#entries.push(entry)
    this.#hashes.push(sha256(entry))
    if (isCheckpoint) this.#forget(read.seq)
    return read.body
  }

  /** Where an entry stands that a peer has told: questions overtake one another, so it may be held already, or come too early. */
  place(entry: Uint8Array): 'held' | 'next' | 'early' {
    const hash = sha256(entry)
    if (this.#hashes.some((held) => equals(held, hash))) return 'held'
    const { read } = opened(entry, (why) => new MeshError('bad-log', `an entry of the admin log: ${why}`))
    return read.body.op !== 'checkpoint' && read.seq > this.head().seq + 1 ? 'early' : 'next'
  }

  /** Hosts that are one checkpoint behind can still follow entry by entry. */
  #forget(checkpoint: number): void {
    this.#checkpoints = [...this.#checkpoints, checkpoint].slice(-2)
    const gone = (this.#checkpoints.length < 2 ? 1 : (this.#checkpoints[0] as number)) - 1 - this.#base
    if (gone <= 0) return
    this.#entries = this.#entries.slice(gone)
    this.#hashes = this.#hashes.slice(gone)
    this.#base += gone
  }
}

function opened(
  entry: Uint8Array,
  refuse: (why: string) => MeshError,
): { read: EntryFields; sig: Uint8Array } {
  try {
    const { fields, sig } = unseal(entry)
    return { read: entryFields.parse(fields), sig }
  } catch (error) {
    throw refuse(`it cannot be read: ${because(error).split('\n')[0]}`)
  }
}
