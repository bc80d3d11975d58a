/**
 * Does a series grow? The slope is Theil and Sen's (the median of the slopes of all pairs, which a few outliers do not move), and
 * whether there is one at all is asked of Mann and Kendall's test: of all pairs, are more rising than falling, by more than chance?
 */
export interface Point {
  at: number
  value: number
}

export interface Trend {
  median: number
  /** A unit of `at`. */
  slope: number
  /** Slope times the span fitted. */
  growth: number
  /** Mann and Kendall's, normal: above 3 chance is out of the question. */
  z: number
  grows: boolean
}

/** What may come about by chance or warm-up: so much of the median, and so much at least. */
export interface Tolerance {
  share: number
  least: number
}

const median = (values: number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

export function trendOf(points: readonly Point[], tolerance: Tolerance): Trend {
  const slopes: number[] = []
  let rising = 0
  for (const [i, a] of points.entries())
    for (const b of points.slice(i + 1)) {
      if (b.at === a.at) continue
      slopes.push((b.value - a.value) / (b.at - a.at))
      rising += Math.sign(b.value - a.value)
    }
  const n = points.length
  const slope = slopes.length === 0 ? 0 : median(slopes)
  const growth = slope * ((points.at(-1)?.at ?? 0) - (points[0]?.at ?? 0))
  const middle = median(points.map(({ value }) => value))
  const deviation = Math.sqrt((n * (n - 1) * (2 * n + 5) - ties(points)) / 18)
  const z = deviation === 0 ? 0 : (rising - Math.sign(rising)) / deviation
  const grows = z > 3 && growth > Math.max(tolerance.least, tolerance.share * middle)
  return { median: middle, slope, growth, z, grows }
}

function ties(points: readonly Point[]): number {
  const counts = new Map<number, number>()
  for (const { value } of points) counts.set(value, (counts.get(value) ?? 0) + 1)
  let sum = 0
  for (const t of counts.values()) sum += t * (t - 1) * (2 * t + 5)
  return sum
}
