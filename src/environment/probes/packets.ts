import { Rates } from './rates.ts'
import { Draft } from './reading.ts'
import type { Moment, Places, Probe, Reading } from './types.ts'

/**
 * Which counters of the kernel (RFC 4022, 4113, 4293, and Linux's own TcpExt) stand for which observable. The TCP counters
 * are of IPv4 and IPv6 together. A counter that a kernel lacks counts as none, but the first of a name must be there.
 * docs/reference/observables.md says what they miss.
 */
export const packetCounters: Readonly<Record<string, readonly string[]>> = {
  tcpsyn_in: ['Tcp.PassiveOpens', 'TcpExt.ListenDrops', 'TcpExt.SyncookiesSent'],
  tcpsyn_out: ['Tcp.ActiveOpens'],
  tcpack_in: ['TcpExt.TCPPureAcks', 'TcpExt.TCPHPAcks'],
  udp_in: [
    'Udp.InDatagrams',
    'Udp.NoPorts',
    'Udp.InErrors',
    'Udp6InDatagrams',
    'Udp6NoPorts',
    'Udp6InErrors',
  ],
  udp_out: ['Udp.OutDatagrams', 'Udp6OutDatagrams'],
  icmp_in: ['Icmp.InMsgs', 'Icmp6InMsgs'],
  icmp_out: ['Icmp.OutMsgs', 'Icmp6OutMsgs'],
}
const segments = { tcpmisc_in: 'Tcp.InSegs', tcpmisc_out: 'Tcp.OutSegs' } as const
/** A socket is in one of these from its first segment on; each that left them without a reset sent a FIN. */
const opened = ['Tcp.ActiveOpens', 'Tcp.PassiveOpens'] as const
const notByFin = ['Tcp.AttemptFails', 'Tcp.EstabResets', 'Tcp.CurrEstab'] as const

const sources = [
  {
    file: 'snmp',
    names: 'tcp*, udp_*, icmp_*',
    groups: ['Tcp.', 'Udp.', 'Icmp.'],
    parse: parseTable,
    silent: [],
  },
  {
    file: 'netstat',
    names: 'tcpsyn_in, tcpack_in, tcpmisc_in',
    groups: ['TcpExt.'],
    parse: parseTable,
    silent: [],
  },
  // Not there where IPv6 is switched off.
  { file: 'snmp6', names: 'udp_*, icmp_*', groups: ['Udp6', 'Icmp6'], parse: parsePairs, silent: ['ENOENT'] },
] as const

/** Packets a second, from the kernel's own counters. */
export class PacketProbe implements Probe {
  readonly name = 'packets'
  readonly #proc: string
  readonly #rates = new Rates()
  /** Most connections that had ended by FIN at any reading. */
  #ended: number | undefined

  readonly #connecting: () => number

  /** @param connecting sockets in SYN_SENT just now: opened, but neither established nor failed yet */
  constructor({ proc }: Places, connecting: () => number) {
    this.#proc = proc
    this.#connecting = connecting
  }

  read({ monotonicMs }: Moment): Reading {
    const draft = new Draft()
    const counters = new Map<string, number>()
    const broken: string[] = []
    for (const { file, names, groups, parse, silent } of sources) {
      const path = `${this.#proc}/net/${file}`
      const problems = draft.problems.length
      const found = draft.parse(path, names, parse, silent)
      if (draft.problems.length > problems) broken.push(...groups)
      for (const [name, value] of found ?? []) counters.set(name, value)
    }
    for (const [name, parts] of Object.entries(packetCounters)) {
      // A sum without the counters of a file that was not understood would be a wrong number.
      if (parts.some((part) => broken.some((group) => part.startsWith(group)))) continue
      if (!counters.has(parts[0]!)) continue
      const present = parts.flatMap((part) => {
        const value = counters.get(part)
        return value === undefined ? [] : [[`${name} ${part}`, value] as const]
      })
      draft.put(name, this.#rates.sumPerSecond(present, monotonicMs))
    }
    draft.put('tcpfin_out', this.#fins(counters, monotonicMs))
    const others = {
      tcpmisc_in: ['tcpsyn_in', 'tcpack_in'],
      tcpmisc_out: ['tcpsyn_out', 'tcpfin_out'],
    } as const
    for (const [name, counter] of Object.entries(segments)) {
      const value = counters.get(counter)
      const all = value === undefined ? undefined : this.#rates.perSecond(name, value, monotonicMs)
      const known = others[name as keyof typeof others].map((other) => draft.values.get(other))
      if (all === undefined || known.includes(undefined)) continue
      draft.put(name, Math.max(0, all - (known as number[]).reduce((a, b) => a + b)))
    }
    return draft
  }

  /**
   * The kernel counts no FINs. But a connection that was opened and is no longer established, and neither failed nor was
   * reset, has sent one: opens - failures - resets - established now - being opened now. The files are not read in one
   * moment, so the sum may run ahead and fall back; only a new maximum counts as growth.
   */
  #fins(counters: ReadonlyMap<string, number>, monotonicMs: number): number | undefined {
    const parts = [...opened, ...notByFin].map((name) => counters.get(name))
    if (parts.includes(undefined)) return undefined
    const [active, passive, failed, reset, established] = parts as [number, number, number, number, number]
    const ended = active + passive - failed - reset - established - this.#connecting()
    // Far below the maximum: the counters began anew (a 32-bit host, another network namespace).
    if (this.#ended === undefined || ended > this.#ended || ended < this.#ended - 1e6) this.#ended = ended
    return this.#rates.perSecond('tcpfin_out', this.#ended, monotonicMs)
  }
}

/** /proc/net/snmp and netstat: a line of names, a line of values, both after `Tcp:`. Gives `Tcp.InSegs` and so on. */
export function parseTable(text: string): Map<string, number> | undefined {
  const counters = new Map<string, number>()
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const [group, ...names] = lines[i]!.split(' ')
    const [same, ...values] = lines[i + 1]!.split(' ')
    if (!group?.endsWith(':') || group !== same || values.length < names.length) return undefined
    for (const [at, name] of names.entries()) {
      const value = Number(values[at])
      if (Number.isFinite(value)) counters.set(`${group.slice(0, -1)}.${name}`, value)
    }
  }
  return counters.has('Tcp.InSegs') || counters.has('TcpExt.TW') ? counters : undefined
}

/** /proc/net/snmp6: a name and a value a line. */
export function parsePairs(text: string): Map<string, number> | undefined {
  const counters = new Map<string, number>()
  for (const [, name, value] of text.matchAll(/^(\w+)\s+(\d+)$/gm)) counters.set(name!, Number(value))
  return counters.has('Icmp6InMsgs') ? counters : undefined
}
