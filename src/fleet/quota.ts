/** Questions taken in a minute, of one member and of all: made where an answer costs something. Pure; `now` in ms. */
const windowMs = 60_000

export class MinuteQuota {
  readonly #limits: { perPeer: number; inAll: number }
  readonly #taken = new Map<string, number>()
  #inAll = 0
  #minute = 0

  constructor(limits: { perPeer: number; inAll: number }) {
    this.#limits = limits
  }

  /** False: it asked too often, or all did. */
  take(peer: string, now: number): boolean {
    if (now - this.#minute >= windowMs || now < this.#minute) {
      this.#minute = now
      this.#taken.clear()
      this.#inAll = 0
    }
    const taken = this.#taken.get(peer) ?? 0
    if (taken >= this.#limits.perPeer || this.#inAll >= this.#limits.inAll) return false
    this.#taken.set(peer, taken + 1)
    this.#inAll++
    return true
  }
}
