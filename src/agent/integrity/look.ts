/** Looks at one path without following it, and reads it where it is a file. Never waits for a FIFO or a device. */

import { createHash, hash as hashOf } from 'node:crypto'
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
} from 'node:fs'
import { type Entry, type EntryType, escapeBytes, pathBytes } from './entry.ts'
import { readXattrs } from './xattr.ts'

export interface LookRules {
  /** Larger files are not read, which their content says. */
  largestBytes: number
}

const chunk = Buffer.allocUnsafeSlow(1024 * 1024)
/** O_NONBLOCK: should the file have become a FIFO meanwhile. */
const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY
/** From this on an attribute is told by its hash and cannot be restored. */
const xattrBytes = 4096

function typeOf(stat: BigIntStats): EntryType {
  if (stat.isFile()) return 'f'
  if (stat.isDirectory()) return 'd'
  if (stat.isSymbolicLink()) return 'l'
  if (stat.isFIFO()) return 'p'
  if (stat.isSocket()) return 's'
  if (stat.isCharacterDevice()) return 'c'
  return stat.isBlockDevice() ? 'b' : '?'
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'error'

/** What tells the quick check that a file was not touched. */
const volatileOf = ({ ino, mtimeNs, ctimeNs }: BigIntStats): string => `${ino} ${mtimeNs} ${ctimeNs}`

/** SHA-256 of what is behind a descriptor. */
function read(file: number, size: number): string {
  if (size < chunk.length) {
    // The common case: one read, and one more to see that nothing follows.
    const got = readSync(file, chunk, 0, chunk.length, 0)
    if (got < chunk.length) return hashOf('sha256', chunk.subarray(0, got), 'hex')
  }
  const hash = createHash('sha256')
  for (let at = 0; ; ) {
    const got = readSync(file, chunk, 0, chunk.length, at)
    if (got === 0) return hash.digest('hex')
    hash.update(chunk.subarray(0, got))
    at += got
  }
}

/** The content, or `!` and why not; with the stat it belongs to. */
function contentOf(
  path: Buffer,
  before: BigIntStats,
  rules: LookRules,
): { content: string; stat: BigIntStats; bytes: number } {
  const size = Number(before.size)
  if (size > rules.largestBytes) return { content: '!large', stat: before, bytes: 0 }
  let file: number
  try {
    file = openSync(path, flags)
  } catch (error) {
    return { content: `!${codeOf(error)}`, stat: before, bytes: 0 }
  }
  try {
    let stat = fstatSync(file, { bigint: true })
    // Another file has come to stand there since.
    if (!stat.isFile()) return { content: '!unstable', stat: before, bytes: 0 }
    for (let attempt = 0; attempt < 3; attempt++) {
      const content = read(file, Number(stat.size))
      const after = fstatSync(file, { bigint: true })
      if (after.size === stat.size && after.mtimeNs === stat.mtimeNs && after.ctimeNs === stat.ctimeNs)
        return { content, stat, bytes: Number(stat.size) }
      stat = after
    }
    return { content: '!unstable', stat, bytes: Number(stat.size) }
  } catch (error) {
    return { content: `!${codeOf(error)}`, stat: before, bytes: 0 }
  } finally {
    closeSync(file)
  }
}

function targetOf(path: Buffer): string {
  try {
    return escapeBytes(readlinkSync(path, 'latin1')) || '-'
  } catch (error) {
    return `!${codeOf(error)}`
  }
}

function xattrsOf(path: Buffer): string {
  const all = readXattrs(path)
  if (all.length === 0) return '-'
  return all
    .map(([name, value]) => {
      const told =
        value.length <= xattrBytes ? value.toString('base64url') : `#${hashOf('sha256', value, 'hex')}`
      return `${escapeBytes(name)}=${told}`
    })
    .join(',')
}

/**
 * @param hint content and volatile fields of the last time, for the quick check: what was not touched is not read
 * @returns undefined where nothing is there any more; `bytes` read
 */
export function look(
  path: string,
  rules: LookRules,
  hint?: string,
): { entry: Entry; bytes: number } | undefined {
  const bytes = pathBytes(`${path}\0`)
  const plain = bytes.subarray(0, -1)
  let stat: BigIntStats
  try {
    stat = lstatSync(plain, { bigint: true })
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    const none = {
      mode: '-',
      uid: '-',
      gid: '-',
      links: '-',
      size: '-',
      device: '-',
      target: '-',
      xattrs: '-',
    }
    return { entry: { path, type: '?', content: `!${code}`, volatile: '0 0 0', ...none }, bytes: 0 }
  }
  const type = typeOf(stat)
  let content = '-'
  let read = 0
  if (type === 'f') {
    const [was, ...volatile] = hint?.split(' ') ?? []
    if (was && !was.startsWith('!') && volatile.join(' ') === volatileOf(stat)) content = was
    else ({ content, stat, bytes: read } = contentOf(plain, stat, rules))
  }
  const { uid, gid, nlink, size, rdev } = stat
  const entry: Entry = {
    ...{
      path,
      type,
      mode: Number(stat.mode & 0o7777n)
        .toString(8)
        .padStart(4, '0'),
    },
    ...{ uid: String(uid), gid: String(gid) },
    // A folder's links and size follow what is in it, and that is told by itself.
    links: type === 'd' ? '-' : String(nlink),
    size: type === 'f' || type === 'l' ? String(size) : '-',
    device: type === 'c' || type === 'b' ? String(rdev) : '-',
    ...{ content, target: type === 'l' ? targetOf(plain) : '-', xattrs: xattrsOf(bytes) },
    volatile: volatileOf(stat),
  }
  return { entry, bytes: read }
}
