/**
 * The mesh as the rest of lymph sees it. It knows records, not what they mean; nothing outside this room knows libp2p.
 * Times are ms since the epoch. A `peer` is a libp2p PeerId as text; a `name` is what the certificate calls the host.
 */

export type RecordKind = 'semaphore' | 'digest' | 'inventory' | 'alive'
export type RecordOperation = 'raise' | 'refresh' | 'clear'

/** A signed statement of one member, checked before it is handed out. State, keyed by (peer, kind, key). */
export interface MeshRecord {
  kind: RecordKind
  /** What the statement is about; unique within (peer, kind). */
  key: string
  operation: RecordOperation
  peer: string
  name: string
  epoch: number
  sequence: number
  /** When its author made it, by its author's clock. */
  made: number
  expires: number
  /** When it reached this host, by this host's clock. */
  received: number
  /** What was said: any value canonical CBOR can hold. */
  body: unknown
  /** The signed envelope as it travels, at most 8 KiB; can be verified alone. */
  envelope: Uint8Array
}

export type MemberState = 'alive' | 'silent' | 'left' | 'revoked'

/** How far a host's journal reaches: the number of its newest record, and the hash its chain ends in (64 hex digits). */
export interface JournalMark {
  seq: number
  hash: string
}

export interface Member {
  name: string
  peer: string
  state: MemberState
  lastHeard: number
  certificateExpires: number
  /** When the certificate it shows now began. */
  certificateSince: number
  /** What its certificate calls it: names of classes. */
  tags: string[]
  version: string
  skewMs: number
  connected: boolean
  addresses: string[]
  /** As it last told; absent: it told of none. */
  journal?: JournalMark
  /** When it told of a journal shorter than, or other than, the one it had told of before: ms since the epoch. */
  journalCut?: number
}

export type MemberChange = 'joined' | 'alive' | 'silent' | 'left' | 'revoked' | 'journal-cut'

export type MeshEvent =
  /** `change` tells what the record did to the state held; repeats and what is older never come. */
  | { type: 'record'; change: 'raised' | 'refreshed' | 'cleared' | 'expired'; record: MeshRecord }
  | { type: 'member'; change: MemberChange; member: Member }

/** Answers a request of a certified member. Throwing closes the stream; the other side is told only that it failed. */
export type RequestHandler = (request: Uint8Array, from: Member) => Promise<Uint8Array>

export interface MeshStatus {
  /** Hex of the first 16 bytes of SHA-256 of the root key. */
  id: string
  peer: string
  name: string
  addresses: string[]
  members: number
  connected: number
  certificateExpires: number
  /** Of this host's certificate. */
  tags: string[]
  /** Records refused, by reason. */
  refused: Record<string, number>
  /** How much of what is bounded is in use now. */
  gauges: Record<string, number>
}

/** Who has taken over what an operator said, by name; and who has not, of those that belong to the mesh. */
export interface Acknowledged {
  acknowledged: string[]
  missing: string[]
}

export interface RingKeyLine {
  id: string
  /** 'used': dialled with. 'removed': opens only a connection that asks for the newer key. */
  state: 'installed' | 'used' | 'removed'
  since: number
  /** How many members are known to hold it, this host included, of how many. */
  holders: number
  members: number
}

/** A host that has shown an invite which wants an operator's word, and waits. */
export interface Application {
  fingerprint: string
  name: string
  peer: string
  /** When it asked last; when its invite runs out. */
  asked: number
  expires: number
}

/** What only the host with the issuer's key can do (but `renew`). All throw MeshError. */
export interface Operator {
  /** By name or PeerId. Connected hosts cut it at once; resolves when they have said so, or after 5 s. */
  revoke(who: string, reason: string): Promise<Acknowledged & { name: string; peer: string }>
  keys(): RingKeyLine[]
  installKey(): Promise<Acknowledged & { id: string }>
  useKey(id: string, force?: boolean): Promise<Acknowledged & { id: string }>
  removeKey(id: string, atOnce?: boolean): Promise<Acknowledged & { id: string }>
  /** Resolves with the end of the new certificate. */
  renew(): Promise<number>
  renewIssuer(passphrase: string): number
  applications(): Application[]
  approve(fingerprint: string): Promise<Application>
}

/** A running member of a mesh. */
export interface Mesh {
  status(): MeshStatus
  members(): Member[]
  /** Of one member; undefined: there is none of that PeerId. */
  stateOf(peer: string): MemberState | undefined
  /** Live records held (own ones too), newest first. */
  records(kind?: RecordKind): MeshRecord[]
  /** Signs, keeps and gossips. Repeating it for the same key refreshes; `ttlMs` bounds how long it stands unrefreshed. A `weight` of 1
   * to 9 has it travel before the lighter ones where much has to be made up for. */
  publish(kind: RecordKind, key: string, body: unknown, ttlMs: number, weight?: number): Promise<MeshRecord>
  clear(kind: RecordKind, key: string): Promise<void>
  onEvent(listener: (event: MeshEvent) => void): void
  /** Serves `name` (e.g. 'digest') to certified members. */
  serve(name: string, handler: RequestHandler, limits: { requestBytes: number; answerBytes: number }): void
  request(
    peer: string,
    name: string,
    request: Uint8Array,
    limits: { answerBytes: number; timeoutMs: number },
  ): Promise<Uint8Array>
  /** Verifies an envelope alone: its author's certificate and signature. Throws MeshError when it does not hold. */
  verify(envelope: Uint8Array): MeshRecord
  /** Signs a record without gossiping it (an answer to a request). */
  sign(kind: RecordKind, key: string, body: unknown, ttlMs: number): MeshRecord
  /** 32 bytes that only members can make, the same on all that use the same key of the ring; another for each purpose. */
  derive(purpose: string): Uint8Array
  /** Ed25519 over bytes that are no record (an answer), told apart from everything else signed by its purpose: 64 bytes. */
  signBytes(purpose: string, bytes: Uint8Array): Uint8Array
  /** Whether a member of this mesh signed them for that purpose. */
  verifyBytes(purpose: string, bytes: Uint8Array, signature: Uint8Array, peer: string): boolean
  /** `approve`: the host that shows it waits until an operator has said yes. `tags`: of its certificate, names of classes. */
  invite(options: {
    name?: string
    ttlMs?: number
    approve?: boolean
    tags?: readonly string[]
  }): Promise<{ token: string; expires: number }>
  readonly operator: Operator
  leave(): Promise<void>
  stop(): Promise<void>
}
