import { reason } from './errors.ts'
import type { PortTable } from './ports.ts'
import { Draft, unreadable } from './reading.ts'
import { addressLimit, listenerLimit, type ServiceOfPort, SocketCount } from './socket-count.ts'
import { SocketSigns } from './socket-signs.ts'
import { scanSockets } from './socket-table.ts'
import type { Listener, Moment, Places, Probe, Reading } from './types.ts'

/** Sockets of one table gone through at most. */
const socketLimit = 250_000

const tables = [
  { protocol: 'tcp4', file: 'tcp' },
  { protocol: 'tcp6', file: 'tcp6' },
  { protocol: 'udp4', file: 'udp' },
  { protocol: 'udp6', file: 'udp6' },
] as const

interface Kept {
  count: SocketCount
  /** More sockets than were gone through. */
  cut: boolean
}

/**
 * Sockets of each service, as `netstat -an` shows them: `_in` by the port on this host, `_out` by the port on the other
 * side, in every state, listening and TIME_WAIT included (CFEngine's meaning).
 */
export class SocketProbe implements Probe {
  readonly name = 'sockets'
  readonly #net: string
  readonly #services: readonly string[]
  readonly #serviceOf: ServiceOfPort = new Uint16Array(65_536)
  readonly #signs: SocketSigns
  readonly #kept = new Map<Listener['protocol'], Kept>()

  constructor({ proc }: Places, ports: PortTable) {
    this.#net = `${proc}/net`
    this.#signs = new SocketSigns(this.#net)
    this.#services = [...ports.keys()]
    for (const [index, service] of this.#services.entries())
      for (const port of ports.get(service) ?? []) this.#serviceOf[port] = index + 1
  }

  /** Sockets that were waiting for an answer to their SYN at the last reading. */
  get connecting(): number {
    let sum = 0
    for (const { count } of this.#kept.values()) sum += count.connecting
    return sum
  }

  read(_now: Moment): Reading {
    const draft = new Draft()
    const changed = this.#signs.changed()
    for (const { protocol, file } of tables) {
      if (!changed && file.startsWith('tcp') && this.#kept.has(protocol)) continue
      if (!this.#scan(protocol, `${this.#net}/${file}`, draft)) {
        // Some tables of four are a wrong number.
        this.#kept.clear()
        return draft
      }
    }
    this.#put(draft)
    return draft
  }

  /** Goes through one table; false if its sockets are not known now. */
  #scan(protocol: Listener['protocol'], path: string, draft: Draft): boolean {
    const names = 'the sockets of every service'
    this.#kept.delete(protocol)
    const count = new SocketCount(protocol, this.#services.length, this.#serviceOf)
    try {
      const end = scanSockets(path, socketLimit, count.sink)
      if (end === 'unknown-form') draft.unknownForm(path, names)
      else this.#kept.set(protocol, { count, cut: end === 'cut' })
      return end !== 'unknown-form'
    } catch (error) {
      const why = reason(error)
      // IPv6 switched off, UDP left out of the kernel: none.
      if (why === 'ENOENT' && protocol !== 'tcp4') return true
      draft.problem(path, unreadable(path, why, names))
      return false
    }
  }

  #put(draft: Draft): void {
    const kept = [...this.#kept.values()]
    const remotes = new Map<string, Map<string, number>>()
    const cut = new Set<string>()
    for (const [service, name] of this.#services.entries())
      for (const [direction, suffix] of ['in', 'out'].entries()) {
        const index = 2 * service + direction
        const observable = `${name}_${suffix}`
        draft.put(
          observable,
          kept.reduce((sum, { count }) => sum + count.counts[index]!, 0),
        )
        for (const { count } of kept) {
          if (count.cut.has(index)) cut.add(observable)
          const addresses = count.remotes.get(index)
          if (addresses) remotes.set(observable, merged(remotes.get(observable), addresses))
        }
      }
    const listeners = kept.flatMap(({ count }) => [...count.listeners.values()])
    draft.sockets = { remotes, cut, listeners }
    if (kept.some((table) => table.cut))
      draft.problem(
        'sockets length',
        `sockets: a table has more than ${socketLimit}: the counts of services are lower bounds`,
      )
    if (cut.size > 0)
      draft.problem(
        'sockets addresses',
        `sockets: more than ${addressLimit} remote addresses: no entropy for ${[...cut].join(', ')}`,
      )
    if (kept.some(({ count }) => count.listenersCut))
      draft.problem(
        'sockets listeners',
        `sockets: more than ${listenerLimit} listening ports in a table: the rest are not listed`,
      )
  }
}

function merged(
  into: Map<string, number> | undefined,
  from: ReadonlyMap<string, number>,
): Map<string, number> {
  const sum = into ?? new Map<string, number>()
  for (const [address, sockets] of from) sum.set(address, (sum.get(address) ?? 0) + sockets)
  return sum
}
