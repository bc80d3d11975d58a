import type { Remotes, SocketReading } from './types.ts'

/**
 * How evenly sockets are spread over remote addresses: -sum p ln p / ln N over the shares p of N addresses, 0 for fewer
 * than two (CFEngine 3's formula). 1: every address as often as any other. 0: all from one.
 */
export function entropy(counts: Iterable<number>): number {
  let total = 0
  let distinct = 0
  let weighted = 0
  for (const n of counts) {
    if (!(n > 0)) continue
    total += n
    distinct++
    weighted += n * Math.log(n)
  }
  if (distinct < 2) return 0
  // -sum (n/T) ln (n/T) = ln T - (sum n ln n) / T
  return Math.min(1, Math.max(0, (Math.log(total) - weighted / total) / Math.log(distinct)))
}

export type EntropyLevel = 'low' | 'medium' | 'high'

/** CFEngine's cuts: above 0.9 high, below 0.2 low. */
export function entropyLevel(value: number): EntropyLevel {
  if (value > 0.9) return 'high'
  return value < 0.2 ? 'low' : 'medium'
}

/**
 * `entropy_www_in_low` and so on, one for each service and direction that has a connection: with none there is nothing
 * to be even (cf-monitord says `_low`, for ever), and with more addresses than were kept nothing is known.
 */
export function entropyClasses({ remotes, cut }: Pick<SocketReading, 'remotes' | 'cut'>): string[] {
  const classes: string[] = []
  for (const [name, addresses] of remotes) {
    if (addresses.size === 0 || cut.has(name)) continue
    classes.push(`entropy_${name}_${entropyLevel(entropy(addresses.values()))}`)
  }
  return classes
}

/** The addresses with the most sockets, first the most: what a person wants to see. */
export function busiest(addresses: Remotes, many = 5): [address: string, sockets: number][] {
  return [...addresses].sort(([, a], [, b]) => b - a).slice(0, many)
}
