/**
 * Puts owner, mode and attributes back. Each folder on the way is opened without following links and the next is reached
 * through its descriptor, so that whoever owns a folder cannot lead this elsewhere meanwhile.
 */
import { chmodSync, chownSync, closeSync, constants, fstatSync, lchownSync, openSync } from 'node:fs'
import { type Entry, type Field, pathBytes, unescapeBytes } from './entry.ts'
import { readXattrs, writeXattr } from './xattr.ts'

export interface Fixed {
  done: Field[]
  /** What was not put back, and why, in a sentence. */
  left: string
}

/** open(2) O_PATH: a place in the tree, for nothing else. Node does not name it. */
const O_PATH = 0o10000000

const fixable: readonly Field[] = ['uid', 'gid', 'mode', 'xattrs']

/** Opens a path part by part. @throws where a part is a link or gone */
function openPlace(path: string): number {
  let at = openSync('/', O_PATH | constants.O_DIRECTORY)
  const parts = path.split('/').filter((part) => part !== '')
  try {
    for (const [index, part] of parts.entries()) {
      const last = index === parts.length - 1
      const flags = O_PATH | constants.O_NOFOLLOW | (last ? 0 : constants.O_DIRECTORY)
      const next = openSync(pathBytes(`/proc/self/fd/${at}/${part}`), flags)
      closeSync(at)
      at = next
    }
    return at
  } catch (error) {
    closeSync(at)
    throw error
  }
}

export function fixEntry(before: Entry, after: Entry, fields: readonly Field[]): Fixed {
  const wanted = fields.filter((field) => fixable.includes(field))
  const rest = fields.filter((field) => !fixable.includes(field) && field !== 'size')
  const left = rest.includes('type')
    ? 'it is another kind of file now: nothing of it was put back'
    : rest.length > 0
      ? `${rest.join(', ')} cannot be put back: a baseline holds hashes, not content`
      : ''
  if (rest.includes('type') || wanted.length === 0) return { done: [], left }
  try {
    return put(before, after, wanted, left)
  } catch (error) {
    return { done: [], left: `it could not be put back (${(error as Error).message})` }
  }
}

function put(before: Entry, after: Entry, wanted: readonly Field[], left: string): Fixed {
  const place = openPlace(before.path)
  const done: Field[] = []
  const failed: string[] = []
  try {
    const stat = fstatSync(place, { bigint: true })
    if (String(stat.ino) !== after.volatile.split(' ')[0])
      throw new Error('another file stands there meanwhile')
    const itself = `/proc/self/fd/${place}`
    if (wanted.includes('uid') || wanted.includes('gid')) {
      if (before.type === 'l') ownLink(before)
      else chownSync(itself, Number(before.uid), Number(before.gid))
      done.push(...wanted.filter((field) => field === 'uid' || field === 'gid'))
    }
    // After the owner: chown(2) takes the set-uid bits away, and capabilities with them.
    if (before.type !== 'l' && (wanted.includes('mode') || done.length > 0)) {
      chmodSync(itself, Number.parseInt(before.mode, 8))
      if (wanted.includes('mode')) done.push('mode')
    }
    if (before.type !== 'l' && (wanted.includes('xattrs') || (done.length > 0 && before.xattrs !== '-'))) {
      const problem = putXattrs(itself, before.xattrs)
      if (problem !== '') failed.push(problem)
      else if (wanted.includes('xattrs')) done.push('xattrs')
    }
  } finally {
    closeSync(place)
  }
  return { done, left: [left, ...failed].filter((text) => text !== '').join('; ') }
}

/** A link has no descriptor to change it by: through its folder's, which is held. */
function ownLink({ path, uid, gid }: Entry): void {
  const cut = path.lastIndexOf('/')
  const folder = openPlace(path.slice(0, cut) || '/')
  try {
    lchownSync(pathBytes(`/proc/self/fd/${folder}/${path.slice(cut + 1)}`), Number(uid), Number(gid))
  } finally {
    closeSync(folder)
  }
}

function putXattrs(path: string, field: string): string {
  const wanted = new Map<string, string>()
  for (const one of field === '-' ? [] : field.split(',')) {
    const [name = '', told = ''] = one.split('=')
    wanted.set(unescapeBytes(name), told)
  }
  for (const [name] of readXattrs(pathBytes(`${path}\0`), true))
    if (!wanted.has(name)) writeXattr(path, name, undefined)
  for (const [name, told] of wanted) {
    if (told.startsWith('#')) return `${name} is too large to have been kept`
    const errno = writeXattr(path, name, Buffer.from(told, 'base64url'))
    if (errno !== 0) return `${name} could not be set (errno ${errno})`
  }
  return ''
}
