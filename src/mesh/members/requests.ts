/** Questions of other rooms, to members and from them: who may ask, and how one that is not connected is reached. */

import type { Admission } from '../admission/hello.ts'
import { Quota } from '../admission/quota.ts'
import { because, MeshError } from '../errors.ts'
import type { RequestHandler } from '../interface.ts'
import { protocols, questions, type Timing } from '../limits.ts'
import type { MeshHost } from '../transport/host.ts'
import type { Neighbours } from '../transport/neighbours.ts'
import { type AskBounds, askOn, serveOn } from './ask.ts'
import type { Directory, Entry } from './directory.ts'
import type { Roster } from './roster.ts'

export interface RequestOptions {
  host: MeshHost
  directory: Directory
  roster: Roster
  neighbours: Neighbours
  timing: Timing
  now(): number
  admitted(peer: string): boolean
  /** Made after this. */
  admission(): Admission
  log: { warn(message: string): void }
}

export class Requests {
  readonly quota = new Quota(questions)
  readonly #options: RequestOptions

  constructor(options: RequestOptions) {
    this.#options = options
  }

  /** May an admitted peer ask one thing more? */
  readonly may = (peer: string): boolean => this.#options.admitted(peer) && this.#take(peer)

  /** The same for what a host may ask whose key only recovers. */
  readonly mayRecover = (peer: string): boolean =>
    this.#options.admission().mayRecover(peer) && this.#take(peer)

  serve(name: string, handler: RequestHandler, bounds: { requestBytes: number; answerBytes: number }): void {
    const { host, timing, directory, roster, log } = this.#options
    serveOn(host, protocols.ask(name), { ...bounds, timeoutMs: timing.exchange }, this.may, (request, peer) =>
      handler(request, roster.member(directory.get(peer) as Entry)),
    ).catch((error) => log.warn(`${name} cannot be served: ${because(error)}`))
  }

  /** In a large mesh not everyone is connected to everyone: then the member is dialled now. Throws MeshError. */
  async request(peer: string, name: string, request: Uint8Array, bounds: AskBounds): Promise<Uint8Array> {
    const { host, directory, neighbours, admitted, now } = this.#options
    const entry = directory.get(peer)
    if (!admitted(peer)) {
      const missing = () => {
        const who = entry?.certificate.name ?? peer
        return new MeshError('not-connected', `${who} is not connected; lymph mesh members shows who is`)
      }
      if (entry === undefined || directory.state(entry, now()) !== 'alive') throw missing()
      await neighbours.reach(peer).catch(() => {
        throw missing()
      })
    }
    return askOn(host, protocols.ask(name), peer, request, bounds)
  }

  #take(peer: string): boolean {
    return this.quota.take(peer, this.#options.now())
  }
}
