/** Extended attributes (xattr(7)), POSIX ACLs and file capabilities among them: libc's, since Node has none of it. */
import koffi from 'koffi'
import { pathBytes } from './entry.ts'

const libc = koffi.load(null)
const llistxattr = libc.func('int64_t llistxattr(const void *path, void *list, size_t size)')
const listxattr = libc.func('int64_t listxattr(const void *path, void *list, size_t size)')
const getxattr = libc.func('int64_t getxattr(const void *path, const void *name, void *value, size_t size)')
const lgetxattr = libc.func('int64_t lgetxattr(const void *path, const void *name, void *value, size_t size)')
const setxattr = libc.func(
  'int setxattr(const void *path, const void *name, const void *value, size_t size, int flags)',
)
const removexattr = libc.func('int removexattr(const void *path, const void *name)')

/** The kernel's bounds (linux/limits.h): XATTR_LIST_MAX and XATTR_SIZE_MAX. */
const limitBytes = 65_536
const names = Buffer.alloc(limitBytes)
const value = Buffer.alloc(limitBytes)

/** '' and a zero byte: what libc takes for a name. */
export const cString = (bytes: string): Buffer => pathBytes(`${bytes}\0`)

/**
 * Sorted by name; none where the file system has none or they cannot be read.
 * @param path ends with a zero byte
 * @param follow of what a link leads to, as for `/proc/self/fd/N`; else of the link itself
 */
export function readXattrs(path: Buffer, follow = false): [name: string, value: Buffer][] {
  const size = Number((follow ? listxattr : llistxattr)(path, names, limitBytes))
  if (size <= 0) return []
  const get = follow ? getxattr : lgetxattr
  return names
    .toString('latin1', 0, size - 1)
    .split('\0')
    .sort()
    .flatMap((name): [string, Buffer][] => {
      const length = Number(get(path, cString(name), value, limitBytes))
      return length < 0 ? [] : [[name, Buffer.from(value.subarray(0, length))]]
    })
}

/** @param path follows links: hand in `/proc/self/fd/N` @returns errno, 0 when it is done */
export function writeXattr(path: string, name: string, bytes: Buffer | undefined): number {
  const result =
    bytes === undefined
      ? removexattr(cString(path), cString(name))
      : setxattr(cString(path), cString(name), bytes, bytes.length, 0)
  return result === 0 ? 0 : koffi.errno()
}
