/**
 * One file as a line of a baseline: `PATH TAB TYPE MODE UID GID LINKS SIZE DEVICE CONTENT TARGET XATTRS TAB INODE MTIME CTIME`.
 * What stands after the second tab is not compared; the quick check looks at it. Names are bytes, not text: everywhere
 * here a path is a string of one character a byte (latin1), so that names that are no UTF-8 stay what they are.
 */
export const fieldNames = [
  'type',
  'mode',
  'uid',
  'gid',
  'links',
  'size',
  'device',
  'content',
  'target',
  'xattrs',
] as const

export type Field = (typeof fieldNames)[number]

/** Values as the line has them; '-' where a type has none. A content that begins with `!` was not read, and why. */
export type Entry = { path: string; volatile: string } & Record<Field, string>

/** f file, d folder, l link, p FIFO, s socket, c b devices, ? nobody knows. */
export type EntryType = 'f' | 'd' | 'l' | 'p' | 's' | 'c' | 'b' | '?'

/** Bytes that would be taken for a part of the line, as `\x20`. */
export const escapeBytes = (bytes: string): string =>
  bytes.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    /[\u0000-\u0020\u007f\\,=]/g,
    (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )

export const unescapeBytes = (text: string): string =>
  text.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

export const pathBytes = (path: string): Buffer => Buffer.from(path, 'latin1')

/** A path given as text. */
export const fromText = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

/** For people: UTF-8 where it is some, and no byte that could steer a terminal. */
export function shownPath(path: string): string {
  const bytes = pathBytes(path)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    text = path.replace(/[\u0080-\u00ff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`)
  }
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

export function encodeEntry(entry: Entry): string {
  const fields = fieldNames.map((name) => entry[name]).join(' ')
  return `${escapeBytes(entry.path)}\t${fields}\t${entry.volatile}\n`
}

/** A line without its newline; undefined for what is none. */
export function decodeEntry(line: string): Entry | undefined {
  const [path, stable, volatile, ...more] = line.split('\t')
  const values = stable?.split(' ') ?? []
  if (path === undefined || volatile === undefined || more.length > 0 || values.length !== fieldNames.length)
    return undefined
  const fields = Object.fromEntries(fieldNames.map((name, place) => [name, values[place] as string]))
  return { path: unescapeBytes(path), volatile, ...(fields as Record<Field, string>) }
}

/** The order of a walk: a folder, then what is in it, names by their bytes. '/' counts as the lowest byte. */
export function comparePaths(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length)
  for (let place = 0; place < shorter; place++) {
    const one = a.charCodeAt(place)
    const other = b.charCodeAt(place)
    if (one !== other) return (one === 0x2f ? 0 : one) - (other === 0x2f ? 0 : other)
  }
  return a.length - b.length
}

/** What differs, as a person reads it; content is named, not shown. */
export function differences(before: Entry, after: Entry): { fields: Field[]; text: string } {
  const fields = fieldNames.filter((name) => before[name] !== after[name])
  const text = fields
    .map((name) =>
      name === 'content'
        ? after.content.startsWith('!')
          ? `content not read (${after.content.slice(1)})`
          : 'content'
        : name === 'xattrs'
          ? `xattrs ${xattrNames(before.xattrs)} -> ${xattrNames(after.xattrs)}`
          : `${name} ${shownPath(unescapeBytes(before[name]))} -> ${shownPath(unescapeBytes(after[name]))}`,
    )
    .join(', ')
  return { fields, text }
}

const xattrNames = (field: string): string =>
  field === '-'
    ? 'none'
    : field
        .split(',')
        .map((one) => shownPath(unescapeBytes(one.split('=')[0] as string)))
        .join('+')
