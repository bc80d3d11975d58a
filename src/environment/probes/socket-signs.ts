import { readText } from './read-file.ts'

/**
 * Whether anything happened to the TCP sockets since the question before. The kernel walks its whole hash for each table
 * (262,144 buckets on a host of 24 GB: 2 ms), however few sockets there are. But while no segment came or went, no socket was
 * made or closed and none left TIME_WAIT, the tables are the same; and those counters cost nothing.
 */
export class SocketSigns {
  readonly #net: string
  #before: string | undefined

  /** @param net the folder of sockstat, sockstat6 and snmp */
  constructor(net: string) {
    this.#net = net
  }

  /** True as well where the counters are not there, or not as they should be. */
  changed(): boolean {
    const before = this.#before
    this.#before = this.#signs()
    return this.#before === undefined || this.#before !== before
  }

  #signs(): string | undefined {
    try {
      const sockets = /^TCP: inuse \d+ orphan \d+ tw \d+ alloc \d+ /m.exec(readText(`${this.#net}/sockstat`))
      const segments = /^Tcp: -?\d+ .*$/m.exec(readText(`${this.#net}/snmp`))
      return sockets && segments ? `${sockets[0]}${segments[0]}${this.#sockets6()}` : undefined
    } catch {
      return undefined
    }
  }

  #sockets6(): string {
    try {
      return /^TCP6: inuse \d+/m.exec(readText(`${this.#net}/sockstat6`))?.[0] ?? ''
    } catch {
      // IPv6 is switched off.
      return ''
    }
  }
}
