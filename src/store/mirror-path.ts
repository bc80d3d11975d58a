import { createHash } from 'node:crypto'

/** Bytes of one name at most; file systems allow 255, and the suffix and the temporary name need some. */
const nameBytes = 180
/** Bytes of the whole relative path at most; Linux allows 4096 for a path, the state folder's included. */
const pathBytes = 3000

const shortHash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8)

/**
 * One component of a path as a file name: `%` and control characters as `%XX`, `..` as `%2E%2E`, a long one cut with a
 * hash of the whole. Different components stay different.
 */
function component(text: string): string {
  const escaped = text.replaceAll(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not get into file names
    /[%\u0000-\u001f\u007f]/g,
    (character) => `%${character.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`,
  )
  const safe = escaped === '.' || escaped === '..' ? escaped.replaceAll('.', '%2E') : escaped
  if (Buffer.byteLength(safe) <= nameBytes) return safe
  const head = Buffer.from(safe).subarray(0, nameBytes - 10)
  // Without the character that the cut may have split. `%~` is no escape, so no other name can look like this.
  return `${new TextDecoder().decode(head).replace(/\ufffd+$/, '')}%~${shortHash(text)}`
}

/** `/usr/bin/less` as `['usr', 'bin', 'less']`; never empty, never leads out of the folder it is put in. */
export function mirrorComponents(binary: string): string[] {
  const parts = binary.split('/').filter((part) => part !== '' && part !== '.')
  const components = parts.map(component)
  const bytes = components.reduce((sum, part) => sum + Buffer.byteLength(part) + 1, 0)
  if (components.length === 0 || bytes > pathBytes)
    return ['%long', createHash('sha256').update(binary).digest('hex')]
  // A binary that is called like the second profile of another one.
  const last = components.length - 1
  components[last] = (components[last] as string).replace(/@(?=[a-z0-9-]+-w\d-)/g, '%40')
  return components
}

/** What tells a second profile of one path apart: `@x86-64-w6-0a1b2c3d`. */
export function mirrorSuffix(key: { abi: string; window: number; sha256: string }): string {
  return `@${key.abi}-w${key.window}-${key.sha256 ? key.sha256.slice(0, 8) : 'unknown'}`
}

/**
 * Where the mirrored file of a profile goes, relative to the mirror. A name that another profile or a folder has gets
 * the suffix; a folder whose name a profile has is called `NAME%dir`.
 * @param taken by another profile, or by a folder
 * @param isProfile a file that is another's profile stands there
 */
export function mirrorPath(
  key: { binary: string; abi: string; window: number; sha256: string },
  taken: (path: string) => boolean,
  isProfile: (path: string) => boolean,
): string {
  const components = mirrorComponents(key.binary)
  const name = components.pop() as string
  let folder = ''
  for (const part of components) {
    const plain = folder + part
    folder = `${isProfile(plain) ? `${plain}%dir` : plain}/`
  }
  const plain = folder + name
  if (!taken(plain)) return plain
  const second = plain + mirrorSuffix(key)
  let path = second
  for (let n = 2; taken(path); n++) path = `${second}-${n}`
  return path
}
