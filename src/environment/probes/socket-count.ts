import { addressKey, addressText, isUnspecified } from './address.ts'
import { type SocketSink, stateOf } from './socket-table.ts'
import type { Listener } from './types.ts'

/** Distinct remote addresses, and listening ports, kept of one table at most. */
export const addressLimit = 32_768
export const listenerLimit = 1024

/** Index of the service of each port, + 1; 0: none. */
export type ServiceOfPort = Uint16Array

/** The sockets of one table, by service and direction: index 2 * service of what comes in, + 1 of what goes out. */
export class SocketCount {
  readonly counts: Uint32Array
  readonly remotes = new Map<number, Map<string, number>>()
  /** Indices whose remote addresses were too many. */
  readonly cut = new Set<number>()
  readonly listeners = new Map<string, Listener>()
  listenersCut = false
  /** Sockets waiting for an answer to their SYN. */
  connecting = 0
  readonly #serviceOf: ServiceOfPort
  readonly #protocol: Listener['protocol']
  #addresses = 0

  constructor(protocol: Listener['protocol'], services: number, serviceOf: ServiceOfPort) {
    this.#protocol = protocol
    this.counts = new Uint32Array(2 * services)
    this.#serviceOf = serviceOf
  }

  get sink(): SocketSink {
    const tcp = this.#protocol === 'tcp4' || this.#protocol === 'tcp6'
    const listening = tcp ? stateOf.listen : stateOf.close
    return (localPort, remotePort, state, addresses) => {
      const local = this.#serviceOf[localPort]!
      const remote = this.#serviceOf[remotePort]!
      if (local > 0) this.counts[2 * local - 2]!++
      if (remote > 0) this.counts[2 * remote - 1]!++
      if (tcp && state === stateOf.synSent) this.connecting++
      if (remotePort === 0) {
        if (state === listening && localPort > 0) this.#listen(localPort, addresses.local())
      } else if (local > 0 || remote > 0) {
        const address = addressKey(addresses.remote())
        if (isUnspecified(address)) return
        if (local > 0) this.#add(2 * local - 2, address)
        if (remote > 0) this.#add(2 * remote - 1, address)
      }
    }
  }

  #add(index: number, address: string): void {
    let addresses = this.remotes.get(index)
    if (!addresses) {
      addresses = new Map()
      this.remotes.set(index, addresses)
    }
    const before = addresses.get(address)
    if (before === undefined) {
      if (this.#addresses >= addressLimit) {
        this.cut.add(index)
        return
      }
      this.#addresses++
    }
    addresses.set(address, (before ?? 0) + 1)
  }

  #listen(port: number, address: string): void {
    const key = `${port} ${address}`
    if (this.listeners.has(key)) return
    if (this.listeners.size >= listenerLimit) this.listenersCut = true
    else this.listeners.set(key, { protocol: this.#protocol, port, address: addressText(address) })
  }
}
