/**
 * Every key is `!<kind>!<name>`: one LevelDB holds all kinds, each in one run of keys. `"` follows `!` in ASCII and
 * kinds hold neither, so it bounds the run.
 */
export const kindPattern = /^[a-z0-9][a-z0-9.-]{0,63}$/

export const keyOf = (kind: string, name: string): string => `!${kind}!${name}`

export const runOf = (kind: string): { gte: string; lt: string } => ({ gte: `!${kind}!`, lt: `!${kind}"` })

/** The kind and name a key holds; undefined for a key that lymph did not write. */
export function partsOf(key: string): { kind: string; name: string } | undefined {
  const end = key.indexOf('!', 1)
  if (key[0] !== '!' || end < 0) return undefined
  return { kind: key.slice(1, end), name: key.slice(end + 1) }
}

/** The least string above every string that begins with `prefix`; undefined for '' and all-highest ones. */
export function afterPrefix(prefix: string): string | undefined {
  // LevelDB orders UTF-8 bytes, which is the order of code points.
  const points = Array.from(prefix, (character) => character.codePointAt(0) as number)
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === 0x10ffff) continue
    // Surrogates are no characters of their own.
    const next = last + 1 === 0xd800 ? 0xe000 : last + 1
    return String.fromCodePoint(...points, next)
  }
  return undefined
}
