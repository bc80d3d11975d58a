/** Text that came from strangers (names of files, hosts), made fit to stand in any format. */

/**
 * Printable: control characters, those that turn the direction of writing and what XML 1.0 (section 2.2) has no place
 * for become visible escapes as `\x1b` and `\u202e`, half a surrogate pair U+FFFD; nothing is longer than `limit`.
 */
export function visible(text: string, limit = 4096): string {
  const escaped = text.toWellFormed().replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]/g,
    (character) => {
      const code = character.charCodeAt(0)
      return code < 0x100
        ? `\\x${code.toString(16).padStart(2, '0')}`
        : `\\u${code.toString(16).padStart(4, '0')}`
    },
  )
  return escaped.length <= limit
    ? escaped
    : `${escaped
        .slice(0, limit - 1)
        .toWellFormed()
        .replace(/\ufffd$/, '')}…`
}

const lastMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/** ms since the epoch within the years RFC 3339 can write. */
export const withinYears = (ms: number): number =>
  Number.isFinite(ms) ? Math.min(Math.max(Math.trunc(ms), 0), lastMs) : 0

/** RFC 3339 in UTC, to the millisecond. */
export const isoTime = (ms: number): string => new Date(withinYears(ms)).toISOString()

/** The last part of a path. */
export const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1) || path
