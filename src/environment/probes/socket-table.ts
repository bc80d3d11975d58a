import { closeSync, openSync, readSync } from 'node:fs'

/** Told of each socket in a table of the kernel. Addresses are slices of the kernel's text, made only when asked for. */
export type SocketSink = (
  localPort: number,
  remotePort: number,
  state: number,
  addresses: SocketAddresses,
) => void

export interface SocketAddresses {
  local(): string
  remote(): string
}

export type ScanEnd = 'whole' | 'unknown-form' | 'cut'

export const stateOf = { synSent: 0x02, close: 0x07, listen: 0x0a } as const

// A host with 100,000 connections has 15 MB here: it goes through one buffer, never into a string.
const chunk = Buffer.allocUnsafe(256 * 1024)
/**
 * The kernel fills a page for each read, up to the last line that fits (seq_file). One that leaves room for a line is the
 * last: asking for the end would make it walk its hash once more.
 */
const fullRead = 4096 - 512
const newline = 0x0a
const space = 0x20
const colon = 0x3a

/** Value of a hexadecimal digit, -1 for anything else. */
const digitOf = new Int8Array(256).fill(-1)
for (const [value, digit] of [...'0123456789abcdef'].entries()) {
  digitOf[digit.charCodeAt(0)] = value
  digitOf[digit.toUpperCase().charCodeAt(0)] = value
}

/**
 * Goes through /proc/net/tcp, tcp6, udp or udp6 (proc_net_tcp.txt): `sl: ADDRESS:PORT ADDRESS:PORT STATE ...` in hex.
 * @param limit sockets gone through at most; then `cut`
 * @returns `unknown-form` at the first line that is none of it: what was told until then is worth nothing
 * @throws the system's error
 */
export function scanSockets(path: string, limit: number, sink: SocketSink): ScanEnd {
  const file = openSync(path, 'r')
  const line = new Line()
  try {
    let held = 0
    let seen = -1
    for (;;) {
      const got = readSync(file, chunk, held, chunk.length - held, null)
      const end = held + got
      let start = 0
      for (;;) {
        const stop = chunk.subarray(0, end).indexOf(newline, start)
        if (stop < 0) break
        if (seen < 0) {
          if (!chunk.toString('latin1', start, stop).includes('local_address')) return 'unknown-form'
        } else {
          if (seen >= limit) return 'cut'
          if (!line.read(start, stop)) return 'unknown-form'
          sink(line.localPort, line.remotePort, line.state, line)
        }
        seen++
        start = stop + 1
      }
      held = end - start
      // No newline in a whole buffer: this is something else.
      if (held === chunk.length) return 'unknown-form'
      chunk.copyWithin(0, start, end)
      const last = got === 0 || (got < fullRead && chunk.length - end >= fullRead)
      if (last) return seen >= 0 && held === 0 ? 'whole' : 'unknown-form'
    }
  } finally {
    closeSync(file)
  }
}

class Line implements SocketAddresses {
  localPort = 0
  remotePort = 0
  state = 0
  #local = 0
  #remote = 0
  #width = 0
  #at = 0

  read(start: number, stop: number): boolean {
    let at = start
    while (at < stop && chunk[at] !== colon) at++
    at++
    while (at < stop && chunk[at] === space) at++
    this.#local = at
    while (at < stop && digitOf[chunk[at]!]! >= 0) at++
    this.#width = at - this.#local
    if (this.#width !== 8 && this.#width !== 32) return false
    this.#remote = at + 6
    this.#at = at
    this.localPort = this.#hex(colon, 4)
    if (chunk[this.#at] !== space) return false
    this.#at = this.#remote + this.#width
    this.remotePort = this.#hex(colon, 4)
    this.state = this.#hex(space, 2)
    return this.localPort >= 0 && this.remotePort >= 0 && this.state >= 0 && this.#at <= stop
  }

  local(): string {
    return chunk.toString('latin1', this.#local, this.#local + this.#width)
  }

  remote(): string {
    return chunk.toString('latin1', this.#remote, this.#remote + this.#width)
  }

  /** A number of so many digits after a separator; -1 if there is none. */
  #hex(separator: number, digits: number): number {
    if (chunk[this.#at++] !== separator) return -1
    let value = 0
    for (let i = 0; i < digits; i++) {
      const digit = digitOf[chunk[this.#at++]!]!
      if (digit < 0) return -1
      value = value * 16 + digit
    }
    return value
  }
}
