/** Sample statistics of the figure. Pure. */

/** NaN of nothing. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Of a sample (n - 1). Undefined of fewer than two values. */
export function standardDeviation(values: readonly number[]): number | undefined {
  if (values.length < 2) return undefined
  const middle = mean(values)
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1))
}

/**
 * Pearson's correlation, -1..1. Undefined where one of the two does not vary, or of fewer than two pairs.
 * @throws RangeError where they are not of one length
 */
export function correlation(a: readonly number[], b: readonly number[]): number | undefined {
  const { slope, ab, aa, bb } = moments(a, b)
  if (slope === undefined || bb === 0) return undefined
  return Math.max(-1, Math.min(1, ab / Math.sqrt(aa * bb)))
}

/** Least squares, `b = intercept + slope * a`. Undefined where `a` does not vary. */
export function line(
  a: readonly number[],
  b: readonly number[],
): { slope: number; intercept: number } | undefined {
  const { slope } = moments(a, b)
  return slope === undefined ? undefined : { slope, intercept: mean(b) - slope * mean(a) }
}

function moments(a: readonly number[], b: readonly number[]) {
  if (a.length !== b.length) throw new RangeError(`${a.length} values against ${b.length}`)
  const [middleA, middleB] = [mean(a), mean(b)]
  let [ab, aa, bb] = [0, 0, 0]
  for (const [i, value] of a.entries()) {
    const [offA, offB] = [value - middleA, (b[i] as number) - middleB]
    ab += offA * offB
    aa += offA * offA
    bb += offB * offB
  }
  return { ab, aa, bb, slope: a.length < 2 || aa === 0 ? undefined : ab / aa }
}
