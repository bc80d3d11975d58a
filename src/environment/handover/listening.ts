import type { Listener } from '../probes/index.ts'
import type { HandOver } from './types.ts'

/** cf-monitord's `@listening_ports`, its four `@listening_tcp4_ports`, and the arrays `tcp4_port_addr[22]`. */
export function listening(listeners: readonly Listener[]): Required<Pick<HandOver, 'lists' | 'arrays'>> {
  const ports = new Map<string, Set<number>>([['listening_ports', new Set()]])
  const arrays: Record<string, Record<string, string>> = {}
  for (const { protocol, port, address } of listeners) {
    ports.get('listening_ports')!.add(port)
    const own = `listening_${protocol}_ports`
    if (!ports.has(own)) ports.set(own, new Set())
    ports.get(own)!.add(port)
    const array = `${protocol}_port_addr`
    arrays[array] ??= {}
    // Several addresses on one port: the widest, which the kernel prints as all zeros, else the first.
    const known = arrays[array][port]
    if (known === undefined || address === '0.0.0.0' || address === '::') arrays[array][port] = address
  }
  const lists = [...ports].map(([name, set]) => [name, [...set].sort((a, b) => a - b).map(String)] as const)
  return { lists: Object.fromEntries(lists), arrays }
}
