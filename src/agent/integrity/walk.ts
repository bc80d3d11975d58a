/**
 * A tree in the order of `comparePaths`, without following links or, unless asked, entering other file systems. Memory is
 * that of the names of the folders on the way down.
 */
import { lstatSync, readdirSync } from 'node:fs'
import { comparePaths, fromText, pathBytes } from './entry.ts'

export interface WalkRules {
  /** Full paths, as text. */
  roots: readonly string[]
  /** Full paths with everything below, or with `*` (within a name), `**` (across) and `?`. As text. */
  exclude?: readonly string[] | undefined
  /** Also what is mounted below a root. */
  mounts?: boolean | undefined
  /** Folders below a root that are entered; 0: the root alone. Undefined: all. */
  depth?: number | undefined
}

interface Frame {
  path: string
  names: string[]
  /** Which of them are folders, as the folder itself tells. */
  folders: Set<string>
  next: number
  /** Device and inode: who finds one of them again below it is in a loop. */
  identity: string
}

/** Matches byte paths. */
export function excluder(patterns: readonly string[]): (path: string) => boolean {
  const literal = (text: string) => text.replace(/[.+^${}()|[\]\\]/g, '\\$&')
  const sources = patterns.map((pattern) =>
    fromText(pattern.replace(/\/+$/, ''))
      .split(/(\*\*|\*|\?)/)
      .map((part) => (part === '**' ? '.*' : part === '*' ? '[^/]*' : part === '?' ? '[^/]' : literal(part)))
      .join(''),
  )
  if (sources.length === 0) return () => false
  const regex = new RegExp(`^(?:${sources.join('|')})(?:/|$)`, 's')
  return (path) => regex.test(path)
}

/** @param unreadable told of folders that cannot be listed, and why */
export function* walk(
  { roots, exclude = [], mounts = false, depth = Number.POSITIVE_INFINITY }: WalkRules,
  unreadable: (path: string, why: string) => void,
  after = '',
): Generator<string> {
  const excluded = excluder(exclude)
  for (const root of [...roots].map(fromText).sort(comparePaths)) {
    const top = root === '/' ? '/' : root.replace(/\/+$/, '')
    if (excluded(top)) continue
    if (after === '' || comparePaths(top, after) > 0) yield top
    const first = depth > 0 ? open(top, unreadable) : undefined
    if (!first) continue
    const device = first.identity.split(':')[0]
    const stack = [first.frame]
    for (let frame = stack.at(-1); frame; frame = stack.at(-1)) {
      const name = frame.names[frame.next++]
      if (name === undefined) {
        stack.pop()
        continue
      }
      const path = frame.path === '/' ? `/${name}` : `${frame.path}/${name}`
      if (excluded(path)) continue
      const folder = frame.folders.has(name)
      // Below what was done already nothing is new; what it leads to may be.
      const done = after !== '' && comparePaths(path, after) <= 0
      if (!done) yield path
      if (!folder || stack.length >= depth || (done && !after.startsWith(`${path}/`) && path !== after))
        continue
      const opened = open(path, unreadable)
      if (!opened) continue
      if (!mounts && opened.identity.split(':')[0] !== device) continue
      if (stack.some(({ identity }) => identity === opened.identity)) unreadable(path, 'it contains itself')
      else stack.push(opened.frame)
    }
  }
}

function open(
  path: string,
  unreadable: (path: string, why: string) => void,
): { frame: Frame; identity: string } | undefined {
  try {
    const stat = lstatSync(pathBytes(path), { bigint: true })
    if (!stat.isDirectory()) return undefined
    const identity = `${stat.dev}:${stat.ino}`
    // A folder's names as bytes: one character each.
    const entries = readdirSync(pathBytes(path), { encoding: 'latin1', withFileTypes: true })
    const folders = new Set<string>()
    const names = entries.map((entry) => {
      const { name } = entry
      const unknown = !(
        entry.isFile() ||
        entry.isDirectory() ||
        entry.isSymbolicLink() ||
        entry.isFIFO() ||
        entry.isSocket() ||
        entry.isCharacterDevice() ||
        entry.isBlockDevice()
      )
      // Some file systems do not say: whoever opens it finds out.
      if (entry.isDirectory() || unknown) folders.add(name)
      return name
    })
    return { frame: { path, names: names.sort(), folders, next: 0, identity }, identity }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'ENOTDIR') unreadable(path, code ?? 'error')
    return undefined
  }
}
