/**
 * The admin log: who may issue, who is revoked, which keys the ring has. A hash chain of signed entries; its head is
 * compared in every hello, so a host that was away learns of a revocation before anything else, and a fork shows.
 */
import { z } from 'zod'
import { bytes, type Capability, meshIdOf, openIssuerCertificate, someBytes, time } from './certificate.ts'
import { equals, hex, seal, sealed, sha256, unseal } from './codec.ts'
import { because, MeshError } from './errors.ts'
import type { Signer } from './keys.ts'
import { limits } from './limits.ts'

const body = z.discriminatedUnion('op', [
  /** By root: this issuer may do what its certificate says. */
  z.strictObject({ op: z.literal('issuer'), certificate: someBytes(1024) }),
  /** By an issuer that may 'revoke'. `serial` in hex, or empty for every certificate of the peer. */
  z.strictObject({
    op: z.literal('revoke'),
    peer: z.string().max(80),
    serial: z.string().max(32),
    reason: z.string().max(256),
  }),
  /** By an issuer that may handle 'keys'. Key bytes never stand here. */
  z.strictObject({
    op: z.literal('psk'),
    act: z.enum(['install', 'use', 'remove']),
    key: z.string().max(16),
  }),
])
export type AdminStatement = z.infer<typeof body>

const entryFields = z.strictObject({
  v: z.literal(1),
  meshId: bytes(16),
  seq: z.int().positive(),
  prev: bytes(32),
  ts: time,
  by: bytes(32),
  body,
})

export interface AdminHead {
  seq: number
  hash: Uint8Array
}

export class AdminLog {
  readonly #root: Uint8Array
  readonly #entries: Uint8Array[] = []
  readonly #hashes: Uint8Array[] = []
  readonly #issuers = new Map<string, Capability[]>()
  readonly #revoked = new Map<string, Set<string>>()

  constructor(root: Uint8Array, entries: Uint8Array[] = []) {
    this.#root = root
    for (const entry of entries) this.append(entry)
  }

  /** An empty log has head 0 and a hash of zeros. */
  head(): AdminHead {
    return { seq: this.#entries.length, hash: this.#hashes.at(-1) ?? new Uint8Array(32) }
  }

  entries(): Uint8Array[] {
    return [...this.#entries]
  }

  /** Entries after number `seq`. */
  since(seq: number): Uint8Array[] {
    return this.#entries.slice(seq)
  }

  /** What head this log had at `seq`, to tell "behind" from "forked". */
  hashAt(seq: number): Uint8Array | undefined {
    return seq === 0 ? new Uint8Array(32) : this.#hashes[seq - 1]
  }

  revoked(peer: string, serial: string): boolean {
    const serials = this.#revoked.get(peer)
    return serials !== undefined && (serials.has('') || serials.has(serial))
  }

  /** The next entry, signed. `append` it to have it hold. */
  make(statement: AdminStatement, signer: Signer, ts: number): Uint8Array {
    const head = this.head()
    const meshId = meshIdOf(this.#root)
    return seal(
      'admin',
      { v: 1, meshId, seq: head.seq + 1, prev: head.hash, ts, by: signer.publicKey, body: statement },
      signer,
    )
  }

  /** Throws MeshError 'bad-log' where the entry does not continue the chain or its signer may not say it. */
  append(entry: Uint8Array): AdminStatement {
    const at = `entry ${this.#entries.length + 1} of the admin log`
    const refuse = (why: string) => new MeshError('bad-log', `${at}: ${why}`)
    if (entry.length > limits.adminEntryBytes) throw refuse('it is too large')
    if (this.#entries.length >= limits.adminEntries) throw refuse('the log is full')
    let fields: ReturnType<typeof unseal>['fields']
    let read: z.infer<typeof entryFields>
    let sig: Uint8Array
    try {
      ;({ fields, sig } = unseal(entry))
      read = entryFields.parse(fields)
    } catch (error) {
      throw refuse(`it cannot be read: ${because(error).split('\n')[0]}`)
    }
    const head = this.head()
    if (!equals(read.meshId, meshIdOf(this.#root))) throw refuse('it belongs to another mesh')
    if (read.seq !== head.seq + 1 || !equals(read.prev, head.hash))
      throw refuse('it does not continue the chain')
    if (!sealed('admin', fields, sig, read.by)) throw refuse('the signature does not hold')
    this.#obey(read.body, read.by, refuse)
    this.#entries.push(entry)
    this.#hashes.push(sha256(entry))
    return read.body
  }

  #obey(statement: AdminStatement, by: Uint8Array, refuse: (why: string) => MeshError): void {
    const may = (capability: Capability) => {
      if (!this.#issuers.get(hex(by))?.includes(capability))
        throw refuse(`its signer may not '${capability}'`)
    }
    if (statement.op === 'issuer') {
      if (!equals(by, this.#root)) throw refuse('only the root key names issuers')
      const certificate = openIssuerCertificate(statement.certificate, this.#root)
      this.#issuers.set(hex(certificate.issuer), certificate.can)
    } else if (statement.op === 'revoke') {
      may('revoke')
      const serials = this.#revoked.get(statement.peer) ?? new Set()
      this.#revoked.set(statement.peer, serials.add(statement.serial))
    } else may('keys')
  }
}
