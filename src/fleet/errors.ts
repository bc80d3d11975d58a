/**
 * Why something of another host was refused; counted by member under this word. `unreachable`: no answer at all.
 * `not-held`: it has no such profile, though its inventory may say so. `busy`: asked too often. `other-window`, `other-abi`: its profile is of another
 * window or ABI, and cannot be compared. `contradiction`: it said that it knows what its digest denies; `liar`: and two
 * things it signed prove it. The rest: what was said does not hold.
 */
export type RefusalReason =
  | 'unreachable'
  | 'not-held'
  | 'busy'
  | 'bad-request'
  | 'bad-answer'
  | 'too-large'
  | 'bad-envelope'
  | 'not-the-author'
  | 'stale'
  | 'bad-digest'
  | 'bad-inventory'
  | 'bad-sketch'
  | 'other-profile'
  | 'other-window'
  | 'other-abi'
  | 'body-length'
  | 'body-hash'
  | 'body-format'
  | 'body-claims'
  | 'contradiction'
  | 'liar'

/** A host's word that was refused. `detail` is one line; `peer` is '' where no host is meant. */
export class FleetError extends Error {
  static override readonly name = 'FleetError'
  readonly reason: RefusalReason
  readonly peer: string

  constructor(reason: RefusalReason, peer: string, detail: string, options?: ErrorOptions) {
    super(detail.replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ').slice(0, 400), options)
    this.name = 'FleetError'
    this.reason = reason
    this.peer = peer
  }
}
