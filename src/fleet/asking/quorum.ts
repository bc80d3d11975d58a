/** Of `marked` among `population`, the chance that a random sample of `sample` holds `least` or more (hypergeometric). */
export function chanceInSample(population: number, marked: number, sample: number, least: number): number {
  const drawn = Math.min(sample, population)
  let chance = 0
  for (let hits = least; hits <= Math.min(drawn, marked); hits++)
    if (drawn - hits <= population - marked)
      chance += Math.exp(
        lnChoose(marked, hits) + lnChoose(population - marked, drawn - hits) - lnChoose(population, drawn),
      )
  return Math.min(1, chance)
}

/** What liars are reckoned with, and how often as many of them as the quorum may sit among those asked. */
export const LIARS_SHARE = 0.05
export const LIARS_CHANCE = 0.04

/**
 * k, the smallest quorum that `liars` of the population reach in a sample with a chance of at most 4 %; never below 2.
 * More peers at the same k are worse, not better.
 * @param population peers that could be asked
 * @param sample N, how many are
 */
export function quorumFor(
  population: number,
  sample: number,
  liars: number = Math.ceil(population * LIARS_SHARE),
  chance: number = LIARS_CHANCE,
): number {
  let quorum = 2
  while (quorum < sample && chanceInSample(population, liars, sample, quorum) > chance) quorum++
  return quorum
}

const logs: number[] = [0]

function lnFactorial(n: number): number {
  for (let i = logs.length; i <= n; i++) logs.push(logs[i - 1]! + Math.log(i))
  return logs[n]!
}

function lnChoose(n: number, k: number): number {
  return k < 0 || k > n ? Number.NEGATIVE_INFINITY : lnFactorial(n) - lnFactorial(k) - lnFactorial(n - k)
}
