/** What the tables are made of: areas, shares caught, shares of normal processes at so many bits. */

/** Scores of normal and of attack processes; higher is odder. */
export interface Scored {
  normal: number[]
  attack: number[]
}

/** Area under the curve: the chance that an attack's score is the higher one, ties by half. */
export function areaOf({ normal, attack }: Scored): number {
  const sorted = Float64Array.from(normal).sort()
  let sum = 0
  for (const score of attack) sum += (countBelow(sorted, score, false) + countBelow(sorted, score, true)) / 2
  return sum / attack.length / normal.length
}

/** How many of a sorted list are below `score`, or equal to it as well. */
function countBelow(sorted: Float64Array, score: number, orEqual: boolean): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]! < score || (orEqual && sorted[middle] === score)) low = middle + 1
    else high = middle
  }
  return low
}

/** Share of the attacks above the lowest bar that at most `share` of the normal processes exceed. */
export function caughtAt({ normal, attack }: Scored, share: number): number {
  const falling = Float64Array.from(normal).sort().reverse()
  const bar = falling[Math.floor(share * normal.length)] ?? -1
  return attack.filter((score) => score > bar).length / attack.length
}

export function shareFrom(scores: readonly number[], bar: number): number {
  return scores.filter((score) => score >= bar).length / scores.length
}
