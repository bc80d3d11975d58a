/** The load: how many requests a second at each time of a made-up day, and when each of them is sent. Pure. */

/** Numbers in [0, 1), the same for the same seed of 0..2^32-1: xorshift (G. Marsaglia, 2003), its high bits. */
export function seeded(seed: number): () => number {
  // Zero would stay zero; neighbouring seeds begin far apart.
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0 || 1
  const next = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state
  }
  for (let i = 0; i < 16; i++) next()
  return () => (next() - 1) / (2 ** 32 - 1)
}

/** Visitors of a site of one time zone: little at night, a height before noon, a greater one after it, an evening. */
const HEIGHTS = [
  { hour: 10.5, width: 2, share: 0.7 },
  { hour: 15, width: 2.2, share: 0.75 },
  { hour: 20.5, width: 1.6, share: 0.5 },
] as const
const NIGHT = 0.08
/** Standard deviation of what an interval has more or less than the day's shape says, as a share; half stays on. */
const NOISE = 0.12
const CARRIED = 0.5

/**
 * @param intervals how many the day is cut into
 * @param peak requests a second that the day's shape has at its highest; noise may go above
 * @returns requests a second of each interval
 */
export function dayCurve(intervals: number, peak: number, random: () => number): number[] {
  const shape = Array.from({ length: intervals }, (_, i) => shapeAt((24 * (i + 0.5)) / intervals))
  const highest = Math.max(...shape)
  let carried = 0
  return shape.map((height) => {
    carried = CARRIED * carried + NOISE * Math.sqrt(1 - CARRIED ** 2) * gaussian(random)
    return (peak * height * Math.exp(carried)) / highest
  })
}

function shapeAt(hour: number): number {
  let sum = NIGHT
  for (const { hour: at, width, share } of HEIGHTS) {
    // The day goes round.
    const away = Math.min(Math.abs(hour - at), 24 - Math.abs(hour - at))
    sum += share * Math.exp(-0.5 * (away / width) ** 2)
  }
  return sum
}

/** Box and Muller. */
function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

/** Which page a visitor asks for, of 0..1; shares add up to 1. */
export interface Page {
  path: string
  share: number
  status: number
}

export interface Arrival {
  /** ms since the run began */
  at: number
  page: Page
}

/**
 * Visitors who know nothing of one another: a Poisson process of the curve's rates.
 * @param rates requests a second of each interval
 * @returns arrivals in order; the same for every run
 */
export function arrivals(
  rates: readonly number[],
  intervalMs: number,
  pages: readonly Page[],
  random: () => number,
): Arrival[] {
  const all: Arrival[] = []
  for (const [i, rate] of rates.entries()) {
    const end = (i + 1) * intervalMs
    if (!(rate > 0)) continue
    for (let at = i * intervalMs; ; ) {
      at += (-Math.log(1 - random()) * 1000) / rate
      if (at >= end) break
      all.push({ at, page: pageOf(pages, random()) })
    }
  }
  return all
}

function pageOf(pages: readonly Page[], dice: number): Page {
  let sum = 0
  for (const page of pages) {
    sum += page.share
    if (dice < sum) return page
  }
  return pages.at(-1) as Page
}
