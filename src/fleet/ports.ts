import type { Abi } from '#syscalls'
import type { Digest } from './types.ts'

/** The other hosts, as this room needs them; the daemon makes one out of the mesh. */
export interface Peers {
  peers(): { peer: string; name: string }[]
  /** Rejects when there is no answer in time, or a larger one. */
  request(
    peer: string,
    name: string,
    bytes: Uint8Array,
    limits: { answerBytes: number; timeoutMs: number },
  ): Promise<Uint8Array>
}

/** Which profile is wanted; what is left out may be anything. `binary` as digests name it (`subjectOf`). */
export interface BodyQuery {
  binary: string
  abi?: Abi | undefined
  window?: number | undefined
  sha256?: string | undefined
}

/** This host's own profiles. */
export interface OwnProfiles {
  /** The profile file that fits best (the one most called, where several do), with its digest made from those bytes. */
  find(query: BodyQuery): Promise<{ digest: Digest; file: Uint8Array } | undefined>
}

/** Signs and checks statements; the mesh does. */
export interface Signatures {
  /** A signed envelope that can be verified alone. */
  sign(key: string, body: unknown, ttlMs: number): Uint8Array
  /** Throws when the signature or its author's certificate does not hold. */
  verify(envelope: Uint8Array): {
    kind: string
    peer: string
    name: string
    made: number
    expires: number
    body: unknown
  }
}

/** Tells the mesh. */
export interface Publisher {
  /** @param body `digest`, encoded */
  publish(key: string, body: unknown, ttlMs: number, digest: Digest): Promise<void>
  clear(key: string): Promise<void>
}
