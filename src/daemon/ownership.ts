/**
 * Root works in a state folder, and an unprivileged daemon too. Whoever owns a folder can put a link where root is
 * about to write or to give a file away, so root uses only folders that nobody but root can change, and gives the
 * daemon its own without following any name twice.
 */
import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  lchownSync,
  lstatSync,
  openSync,
  readdirSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'

const groupOrOthersWrite = 0o022
const sticky = 0o1000

/**
 * Checks a folder that root is to use or to make, and those above it.
 * @returns its real path, which no link that somebody else can change leads elsewhere
 * @throws Error saying whose it is and what to do
 */
export function rootsAlone(folder: string): string {
  const there = nearest(folder)
  const path = realpathSync(there)
  const { uid } = statSync(path)
  if (there === folder && uid !== 0)
    throw new Error(
      `it belongs to user ${uid}, who could put links where root writes: chown root: ${path}, after a look at what is in it`,
    )
  for (let above = there === folder ? dirname(path) : path; ; above = dirname(above)) {
    const stat = statSync(above)
    if (!isTrusted(stat))
      throw new Error(
        `${above} above it can be changed by ${stat.uid === 0 ? 'others than root' : `user ${stat.uid}`}, who could put another folder in its place`,
      )
    if (above === dirname(above)) return join(path, relative(there, folder))
  }
}

/** The folder, or the first above it that there is. */
function nearest(folder: string): string {
  for (let path = folder; ; path = dirname(path))
    if (lstatSync(path, { throwIfNoEntry: false }) || path === dirname(path)) return path
}

/** Root's, or of the user who became root by sudo and so needs no trick; /tmp is safe by its sticky bit. */
function isTrusted({ uid, mode }: Stats): boolean {
  if (uid !== 0) return String(uid) === process.env.SUDO_UID
  return (mode & groupOrOthersWrite) === 0 || (mode & sticky) !== 0
}

/**
 * Gives a folder and what is in it to a user. Links are given, not followed, whoever changes names meanwhile: each
 * folder is held open, and names are looked up in what is open.
 * @throws Error where a file has a second name, which may be somebody else's file
 */
export function giveTo(folder: string, uid: number, gid: number): void {
  const file = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    const own = fstatSync(file)
    if (own.uid !== uid || own.gid !== gid) fchownSync(file, uid, gid)
    const here = `/proc/self/fd/${file}`
    for (const name of readdirSync(here)) {
      const stat = lstatSync(`${here}/${name}`, { throwIfNoEntry: false })
      // LevelDB and the mirror remove files of their own while a daemon runs.
      if (!stat) continue
      if (stat.isDirectory()) giveTo(`${here}/${name}`, uid, gid)
      else if (stat.uid !== uid || stat.gid !== gid) {
        if (stat.isFile() && stat.nlink > 1)
          throw new Error(
            `${folder}/${name} has ${stat.nlink} names (hard links): remove the others, or this one`,
          )
        lchownSync(`${here}/${name}`, uid, gid)
      }
    }
  } finally {
    closeSync(file)
  }
}
