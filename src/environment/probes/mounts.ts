import { statfsSync } from 'node:fs'
import { join } from 'node:path'
import { canonify } from '#classes'
import { reason } from './errors.ts'
import { Draft } from './reading.ts'
import type { Moment, Places, Probe, Reading } from './types.ts'

/** File systems on disks. Network file systems and FUSE are left out: asking a dead server would hold up the daemon. */
const onDisk = new Set(
  'ext2 ext3 ext4 xfs btrfs zfs f2fs jfs bcachefs reiserfs nilfs2 ubifs vfat exfat ntfs3 hfsplus'.split(' '),
)
const never = /^(nfs|cifs|smb|fuse|9p|ceph|afs|autofs|squashfs|iso9660)/
/** Mounts measured at most: those named first in /proc/mounts. */
const limit = 64

export interface Mount {
  source: string
  point: string
  type: string
}

/** Percent free, as `df` tells an ordinary user: `diskfree` of /, `diskfree_var_lib` of a disk mounted there. */
export class MountProbe implements Probe {
  readonly name = 'mounts'
  readonly #path: string
  readonly #root: string

  constructor({ proc, root }: Places) {
    this.#path = `${proc}/mounts`
    this.#root = root
  }

  read(_now: Moment): Reading {
    const draft = new Draft()
    const real = realMounts(draft.parse(this.#path, 'diskfree', parseMounts) ?? [])
    if (real.length > limit)
      draft.problem(
        `${this.#path} mounts`,
        `${this.#path}: ${real.length} disks are mounted: no diskfree for those after the first ${limit}`,
      )
    const taken = new Map<string, string>()
    for (const { point } of real.slice(0, limit)) {
      const name = mountName(point)
      const other = taken.get(name)
      if (other !== undefined) {
        draft.problem(`${name} of ${point}`, `mount ${point}: ${name} is already ${other}: no value for it`)
        continue
      }
      taken.set(name, point)
      draft.put(name, this.#percentFree(point, draft, name))
    }
    return draft
  }

  #percentFree(point: string, draft: Draft, name: string): number | undefined {
    try {
      const { blocks, bfree, bavail } = statfsSync(join(this.#root, point))
      const usable = blocks - bfree + bavail
      return usable > 0 ? (100 * bavail) / usable : undefined
    } catch (error) {
      draft.problem(
        `mount ${point}`,
        `mount ${point}: cannot be measured (${reason(error)}): no value for ${name}`,
      )
      return undefined
    }
  }
}

export function mountName(point: string): string {
  const rest = canonify(point.replace(/^\/+/, '')).slice(0, 64)
  return rest === '' ? 'diskfree' : `diskfree_${rest}`
}

/** One mount a disk, the one with the shortest path; / always, whatever it is on, unless on the network. */
export function realMounts(mounts: readonly Mount[]): Mount[] {
  const bySource = new Map<string, Mount>()
  // What was mounted on / last covers what was there before.
  const root = mounts.findLast(({ point }) => point === '/')
  if (root && !never.test(root.type)) bySource.set(root.source, root)
  for (const mount of mounts) {
    if (mount.point === '/' || !onDisk.has(mount.type)) continue
    const known = bySource.get(mount.source)
    if (!known || mount.point.length < known.point.length) bySource.set(mount.source, mount)
  }
  return [...bySource.values()]
}

export function parseMounts(text: string): Mount[] | undefined {
  const mounts: Mount[] = []
  for (const line of text.split('\n')) {
    if (line === '') continue
    const [source, point, type, options] = line.split(' ')
    if (!source || !point?.startsWith('/') || !type || !options) return undefined
    mounts.push({ source: unescaped(source), point: unescaped(point), type })
  }
  return mounts.length > 0 ? mounts : undefined
}

/** The kernel writes space, tab, newline and backslash as `\040` and so on. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)))
}
