import { canonify } from '#classes'

/** Bytes that stand for themselves: printable ASCII without quotes, backslash, $ @ { } and the escape's own %. */
function plain(byte: number): boolean {
  return byte >= 0x20 && byte < 0x7f && !special.includes(byte)
}
const special = [...Buffer.from('"\'`\\$@{}%')]

/**
 * A text for the right side of a line: every other byte of its UTF-8 becomes `%XX`, so that it cannot end the line or the
 * quotes it stands in, nor name a variable. `decodeURIComponent` gives it back. Cut at whole characters.
 * @param limit bytes of the result at most
 */
export function escaped(text: string, limit: number): string {
  let result = ''
  for (const character of text) {
    let part = ''
    for (const byte of Buffer.from(character))
      part += plain(byte) ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
    if (result.length + part.length > limit) break
    result += part
  }
  return result
}

/** A name for the left side: letters, digits and _. Undefined for a name of nothing. */
export function identifier(name: string): string | undefined {
  const canonical = canonify(name)
  return /^_*$/.test(canonical) ? undefined : canonical
}

/** What stands in the brackets of an array element: dots, dashes, slashes and colons may stay (addresses, paths). */
export function elementKey(key: string): string {
  return key.replaceAll(/[^A-Za-z0-9_.:/-]/g, '_').slice(0, 128)
}

/** cf-monitord's form, two decimals; what two would make 0 has three that count. Undefined for what has no such form. */
export function decimal(value: number): string | undefined {
  const size = Math.abs(value)
  if (!(size < 1e15)) return undefined
  if (size >= 0.1 || size < 1e-9) return (size < 1e-9 ? 0 : value).toFixed(2)
  return value.toFixed(Math.min(11, 2 - Math.floor(Math.log10(size))))
}
