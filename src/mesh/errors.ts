/** What can go wrong in the mesh, and the exit code of a command that shows it (docs/reference/mesh.md, Errors). */
const exits = {
  'bad-token': 2,
  already: 2,
  'no-mesh': 2,
  'no-issuer': 2,
  'bad-name': 2,
  'port-in-use': 2,
  'bad-address': 2,
  'bad-passphrase': 2,
  'no-member': 2,
  'bad-key': 2,
  'no-application': 2,
  'too-large': 2,
  'bad-record': 1,
  'bad-certificate': 1,
  'bad-log': 1,
  'not-connected': 4,
  'request-failed': 4,
  damaged: 4,
  stopped: 4,
  expired: 10,
  used: 11,
  'wrong-mesh': 12,
  unreachable: 13,
  clock: 14,
  pending: 15,
} as const

export type MeshErrorCode = keyof typeof exits

/** `message` is one sentence for the user: what, where, why, what to do. */
export class MeshError extends Error {
  override name = 'MeshError'
  readonly code: MeshErrorCode
  readonly exit: number

  constructor(code: MeshErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.exit = exits[code]
  }
}

export const because = (error: unknown): string => (error instanceof Error ? error.message : String(error))
