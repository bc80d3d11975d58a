/** A time as people give one: from now (`7d`, `12h`), or a date (`2026-12-01`, `2026-12-01T08:00`). */
import { parseDuration } from '../duration.ts'
import { CommandError } from '../errors.ts'

const date = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?$/

/**
 * @param towards 1: that long from now on; -1: that long ago
 * @returns ms since the epoch; dates without a zone are local
 * @throws CommandError for what is neither
 */
export function parseWhen(text: string, now: number, towards: 1 | -1): number {
  if (date.test(text)) {
    // A date alone would be read as UTC.
    const at = Date.parse(text.length === 10 ? `${text}T00:00` : text.replace(' ', 'T'))
    if (!Number.isNaN(at)) return at
  }
  try {
    return now + towards * parseDuration(text)
  } catch {
    throw new CommandError(
      `"${text}" is no time: write 7d, 12h or 30m, or a date as in 2026-12-01 or 2026-12-01T08:00`,
    )
  }
}
