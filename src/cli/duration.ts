/** Durations as people write them: `90` (seconds), `90s`, `30m`, `2d12h`. */
import { CommandError } from './errors.ts'

const unitsMs: Record<string, number> = {
  w: 604_800_000,
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
}

/** @throws CommandError where the text is no duration */
export function parseDuration(text: string): number {
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[wdhms])/g)]
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text)
    throw new CommandError(
      `"${text}" is not a duration: write seconds, or days to seconds as in 2d12h, 30m, 90s`,
    )
  let sum = 0
  let last = Number.POSITIVE_INFINITY
  for (const [, count, unit] of parts) {
    const size = unitsMs[unit as string] as number
    // `12h2d` and `5m5m` are slips of the pen more often than wishes.
    if (size >= last)
      throw new CommandError(
        `"${text}" is not a duration: units go from large to small, each once, as in 2d12h`,
      )
    last = size
    sum += Number(count) * size
  }
  return sum
}

/** 216000000 -> `2d12h`; below a second `120ms`. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return '-'
  if (ms < 0) return `-${duration(-ms)}`
  if (ms < 1000) return `${Math.round(ms)}ms`
  let rest = Math.round(ms / 1000) * 1000
  let text = ''
  for (const unit of ['d', 'h', 'm', 's']) {
    const size = unitsMs[unit] as number
    if (rest >= size) text += `${Math.floor(rest / size)}${unit}`
    rest %= size
  }
  return text
}
