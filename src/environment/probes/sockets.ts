import { addressKey, addressText, isUnspecified } from './address.ts'
import { reason } from './errors.ts'
import type { PortTable } from './ports.ts'
import { Draft, unreadable } from './reading.ts'
import { scanSockets, stateOf } from './socket-table.ts'
import type { Listener, Moment, Places, Probe, Reading } from './types.ts'

/** Sockets of one protocol gone through at most. */
const socketLimit = 250_000
/** Distinct remote addresses kept at most, all services together. */
const addressLimit = 65_536
const listenerLimit = 2048

const tables = [
  { protocol: 'tcp4', file: 'tcp' },
  { protocol: 'tcp6', file: 'tcp6' },
  { protocol: 'udp4', file: 'udp' },
  { protocol: 'udp6', file: 'udp6' },
] as const

/**
 * Sockets of each service, as `netstat -an` shows them: `_in` by the port on this host, `_out` by the port on the other
 * side, in every state, listening and TIME_WAIT included (CFEngine's meaning).
 */
export class SocketProbe implements Probe {
  readonly name = 'sockets'
  readonly #proc: string
  readonly #services: readonly string[]
  /** Index of the service of each port, + 1; 0: none. */
  readonly #serviceOf = new Uint16Array(65_536)
  #connecting = 0

  constructor({ proc }: Places, ports: PortTable) {
    this.#proc = proc
    this.#services = [...ports.keys()]
    for (const [index, service] of this.#services.entries())
      for (const port of ports.get(service) ?? []) this.#serviceOf[port] = index + 1
  }

  /** Sockets that were waiting for an answer to their SYN at the last reading. */
  get connecting(): number {
    return this.#connecting
  }

  read(_now: Moment): Reading {
    const draft = new Draft()
    const count = new Count(this.#services, this.#serviceOf)
    let known = false
    for (const { protocol, file } of tables) {
      const path = `${this.#proc}/net/${file}`
      const names = `the ${file} sockets of each service`
      try {
        const end = scanSockets(path, socketLimit, count.sink(protocol))
        if (end === 'unknown-form') {
          draft.unknownForm(path, names, '')
          // Half a table counted is a wrong number.
          return this.#without(draft)
        }
        if (end === 'cut')
          draft.problem(
            `${path} length`,
            `${path}: more than ${socketLimit} sockets: the counts of services are lower bounds`,
          )
        known = true
      } catch (error) {
        const why = reason(error)
        if (why === 'ENOENT' && protocol !== 'tcp4') continue
        draft.problem(path, unreadable(path, why, names))
        if (protocol === 'tcp4') return this.#without(draft)
      }
    }
    if (!known) return this.#without(draft)
    this.#connecting = count.connecting
    count.finish(draft)
    return draft
  }

  #without(draft: Draft): Draft {
    this.#connecting = 0
    return draft
  }
}

/** One reading on its way. */
class Count {
  connecting = 0
  readonly #services: readonly string[]
  readonly #serviceOf: Uint16Array
  readonly #in: Uint32Array
  readonly #out: Uint32Array
  readonly #remotes = new Map<string, Map<string, number>>()
  readonly #cut = new Set<string>()
  readonly #listeners = new Map<string, Listener>()
  #addresses = 0
  #listenersCut = false

  constructor(services: readonly string[], serviceOf: Uint16Array) {
    this.#services = services
    this.#serviceOf = serviceOf
    this.#in = new Uint32Array(services.length)
    this.#out = new Uint32Array(services.length)
  }

  sink(protocol: Listener['protocol']): Parameters<typeof scanSockets>[2] {
    const tcp = protocol.startsWith('tcp')
    const listening = tcp ? stateOf.listen : stateOf.close
    return (localPort, remotePort, state, addresses) => {
      const local = this.#serviceOf[localPort]!
      const remote = this.#serviceOf[remotePort]!
      if (local > 0) this.#in[local - 1]!++
      if (remote > 0) this.#out[remote - 1]!++
      if (tcp && state === stateOf.synSent) this.connecting++
      if (remotePort === 0) {
        if (state === listening && localPort > 0) this.#listen(protocol, localPort, addresses.local())
      } else if (local > 0 || remote > 0) {
        const address = addressKey(addresses.remote())
        if (isUnspecified(address)) return
        if (local > 0) this.#add(`${this.#services[local - 1]}_in`, address)
        if (remote > 0) this.#add(`${this.#services[remote - 1]}_out`, address)
      }
    }
  }

  finish(draft: Draft): void {
    for (const [index, service] of this.#services.entries()) {
      draft.put(`${service}_in`, this.#in[index])
      draft.put(`${service}_out`, this.#out[index])
    }
    if (this.#cut.size > 0)
      draft.problem(
        'sockets addresses',
        `sockets: more than ${addressLimit} remote addresses: no entropy for ${[...this.#cut].join(', ')}`,
      )
    if (this.#listenersCut)
      draft.problem(
        'sockets listeners',
        `sockets: more than ${listenerLimit} listening ports: the rest are not listed`,
      )
    draft.sockets = { remotes: this.#remotes, cut: this.#cut, listeners: [...this.#listeners.values()] }
  }

  #add(name: string, address: string): void {
    let addresses = this.#remotes.get(name)
    if (!addresses) {
      addresses = new Map()
      this.#remotes.set(name, addresses)
    }
    const before = addresses.get(address)
    if (before === undefined && ++this.#addresses > addressLimit) this.#cut.add(name)
    else addresses.set(address, (before ?? 0) + 1)
  }

  #listen(protocol: Listener['protocol'], port: number, address: string): void {
    const key = `${protocol} ${port} ${address}`
    if (this.#listeners.has(key)) return
    if (this.#listeners.size >= listenerLimit) this.#listenersCut = true
    else this.#listeners.set(key, { protocol, port, address: addressText(address) })
  }
}
