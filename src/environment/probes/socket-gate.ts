import { readText } from './read-file.ts'

type Family = 'tcp4' | 'tcp6'

interface Signs {
  /** Sockets without TIME_WAIT. */
  inUse: Record<Family, number>
  /** TIME_WAIT sockets and TCP segments so far, of both. */
  traffic: string
}

/** Tables gone through in one reading at most, and on average when there is always something new. */
const burst = 2
const average = 1
/** A change in the number of sockets by so many, and by so large a part, is looked at whatever it costs. */
const stepSockets = 16
const stepShare = 0.1

/**
 * Which TCP tables must be gone through again. The kernel walks its whole hash for each (262,144 buckets on a host of
 * 24 GB: 4 ms), however few sockets there are, while counters that cost nothing tell whether anything happened. A table
 * whose number of sockets changed is due at once; one of which only segments moved, at every other reading; and where
 * both change all the time they take turns, unless one changes by a step. What came and went in between is in TIME_WAIT.
 */
export class SocketGate {
  readonly #net: string
  #before: Signs | undefined
  /** Something happened since the table was gone through. */
  readonly #pending: Record<Family, boolean> = { tcp4: false, tcp6: false }
  #turn: Family = 'tcp4'
  #allowance = burst

  /** @param net the folder of sockstat, sockstat6 and snmp */
  constructor(net: string) {
    this.#net = net
  }

  /** The tables to go through now. */
  due(): Record<Family, boolean> {
    const now = this.#signs()
    const before = this.#before
    this.#before = now
    if (!now || !before) return { tcp4: true, tcp6: true }
    const other: Family = this.#turn
    this.#turn = other === 'tcp4' ? 'tcp6' : 'tcp4'
    this.#allowance = Math.min(burst, this.#allowance + average)
    const due = { tcp4: false, tcp6: false }
    for (const family of [this.#turn, other]) {
      const change = Math.abs(now.inUse[family] - before.inUse[family])
      if (change > 0 || now.traffic !== before.traffic) this.#pending[family] = true
      const step = change >= stepSockets && change >= stepShare * now.inUse[family]
      const asked = this.#pending[family] && (change > 0 || family === this.#turn)
      if (!step && !(asked && this.#allowance > 0)) continue
      due[family] = true
      this.#pending[family] = false
      this.#allowance = Math.max(0, this.#allowance - 1)
    }
    return due
  }

  /** Undefined where the files are not there or not as they should be: then every table is always due. */
  #signs(): Signs | undefined {
    try {
      const four = /^TCP: inuse (\d+) orphan \d+ tw (\d+) /m.exec(readText(`${this.#net}/sockstat`))
      const segments = /^Tcp: -?\d+ .*$/m.exec(readText(`${this.#net}/snmp`))
      if (!four || !segments) return undefined
      return {
        inUse: { tcp4: Number(four[1]), tcp6: this.#inUse6() },
        traffic: `${four[2]} ${segments[0]}`,
      }
    } catch {
      return undefined
    }
  }

  #inUse6(): number {
    try {
      return Number(/^TCP6: inuse (\d+)/m.exec(readText(`${this.#net}/sockstat6`))?.[1] ?? 0)
    } catch {
      // IPv6 is switched off.
      return 0
    }
  }
}
