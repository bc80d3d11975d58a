import { endianness } from 'node:os'

const littleEndian = endianness() === 'LE'
const mappedPrefix = littleEndian ? '0000000000000000FFFF0000' : '00000000000000000000FFFF'

/** The same key for 192.0.2.1 and ::ffff:192.0.2.1: one remote host is one, whichever socket it came to. */
export function addressKey(hex: string): string {
  return hex.length === 32 && hex.startsWith(mappedPrefix) ? hex.slice(24) : hex
}

/** No address: 0.0.0.0 or ::. */
export function isUnspecified(hex: string): boolean {
  for (let i = 0; i < hex.length; i++) if (hex.charCodeAt(i) !== 0x30) return false
  return true
}

/** An address of /proc/net (32-bit words in the host's byte order, in hex) as people write it (RFC 5952). */
export function addressText(hex: string): string {
  const bytes: number[] = []
  for (let word = 0; word < hex.length; word += 8) {
    const pairs = [0, 2, 4, 6].map((at) => Number.parseInt(hex.slice(word + at, word + at + 2), 16))
    bytes.push(...(littleEndian ? pairs.reverse() : pairs))
  }
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16))
  return compressed(groups)
}

/** The first longest run of two or more zero groups becomes `::`. */
function compressed(groups: string[]): string {
  let best = 0
  let bestAt = -1
  for (let at = 0; at < groups.length; at++) {
    let run = 0
    while (groups[at + run] === '0') run++
    if (run > best && run > 1) {
      best = run
      bestAt = at
    }
  }
  if (bestAt < 0) return groups.join(':')
  return `${groups.slice(0, bestAt).join(':')}::${groups.slice(bestAt + best).join(':')}`
}
