/**
 * The state folder: everything a host keeps, its sockets included (docs/design.md). As root, what the unprivileged
 * daemon writes belongs to its user, and the folder itself stays root's, so that the sensor's socket and leases are
 * out of the daemon's reach.
 */
import {
  accessSync,
  chmodSync,
  constants,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { DaemonError, oneLine } from './errors.ts'
import { giveTo, rootsAlone } from './ownership.ts'

/** Names inside the state folder. The daemon works with the folder as its current directory, so these are its paths. */
export const stateNames = {
  apiSocket: 'run/api.sock',
  sensorSocket: 'sensor.sock',
  pidFile: 'run/daemon.pid',
  upFile: 'up.json',
  sensorFile: 'sensor.json',
  store: 'store',
  profiles: 'profiles',
  mesh: 'mesh',
  log: 'log',
  journal: 'journal',
  journalHead: 'run/journal-head.json',
} as const

const daemonFolders = [
  'run',
  stateNames.store,
  stateNames.profiles,
  stateNames.mesh,
  stateNames.log,
  stateNames.journal,
]

/** /var/lib/lymph as root, else $XDG_STATE_HOME/lymph, else ~/.local/state/lymph. */
export function defaultState(): string {
  if (process.getuid?.() === 0) return '/var/lib/lymph'
  return join(process.env.XDG_STATE_HOME || join(homedir(), '.local/state'), 'lymph')
}

export interface User {
  name: string
  uid: number
  gid: number
  /** Groups it is in beside its own: `adm` and `systemd-journal` let it see the logs. */
  groups: number[]
}

/** Who the daemon runs as: the user `lymph`, else `nobody`; undefined when this process is not root. */
export function daemonUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of ['lymph', 'nobody']) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':')
    if (fields) return { name, uid: Number(fields[2]), gid: Number(fields[3]), groups: groupsOf(name) }
  }
  return { name: '65534', uid: 65534, gid: 65534, groups: [] }
}

/** Of /etc/group; never root's. */
function groupsOf(user: string): number[] {
  return readFileSync('/etc/group', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .filter(([, , , members = '']) => members.split(',').includes(user))
    .map(([, , gid]) => Number(gid))
    .filter((gid) => Number.isInteger(gid) && gid > 0)
}

/**
 * Makes the state folder and its parts with the right owners and modes; safe to repeat.
 * @returns its absolute path; as root the real one
 * @throws DaemonError where it cannot be made or written, or where root must not use it
 */
export function prepareState(folder: string): string {
  let state = resolve(folder)
  const user = daemonUser()
  try {
    // Before anything is made, which may be where a link leads to, and once it is there.
    if (user) state = rootsAlone(state)
    mkdirSync(state, { recursive: true, mode: user ? 0o751 : 0o700 })
    if (!statSync(state).isDirectory()) throw new Error('it is not a folder')
    if (user) {
      rootsAlone(state)
      chmodSync(state, 0o751)
    } else accessSync(state, constants.R_OK | constants.W_OK | constants.X_OK)
    for (const name of daemonFolders) {
      const path = join(state, name)
      mkdirSync(path, { recursive: true, mode: 0o700 })
      if (user) giveTo(path, user.uid, user.gid)
    }
  } catch (error) {
    throw new DaemonError(
      `state folder ${state}: ${reasonOf(error)}: ${remedies[codeOf(error)] ?? 'name another with --state DIR, or make this one usable'}`,
      undefined,
      { cause: error },
    )
  }
  return state
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? ''

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: "the user's quota of the disk is used up",
  ENOENT: 'there is no such file or folder',
  EEXIST: 'it is not a folder',
  ENOTDIR: 'a part of the path is not a folder',
  ELOOP: 'a part of it is a link',
}

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: 'make room there, or name another with --state DIR',
  EDQUOT: 'make room there, or name another with --state DIR',
  EACCES: 'name one of your own with --state DIR, or run as its owner',
  EPERM: 'name one of your own with --state DIR, or run as its owner',
}

/** Why something of the system failed, and at which path where Node knows it. */
export function reasonOf(error: unknown): string {
  const why = reasons[codeOf(error)]
  const { path } = error as NodeJS.ErrnoException
  return why === undefined ? oneLine(error) : path === undefined ? why : `${why} (${path})`
}

/**
 * When a process started, in clock ticks since boot: with the pid, who a process is. Undefined when there is none, or
 * only its exit code is still to be fetched.
 */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

/**
 * Marks the state folder as this process's, so that a second `lymph up` on it says so instead of harming the first.
 * @param name which part is claimed: `upFile` the host, `sensorFile` its sensor alone
 * @throws DaemonError naming the process that has it
 */
export function claimState(state: string, name: string = stateNames.upFile): { release: () => void } {
  const path = join(state, name)
  const mine = `${path}.${process.pid}`
  try {
    writeFileSync(mine, JSON.stringify({ pid: process.pid, startTime: startTimeOf(process.pid) }), {
      mode: 0o600,
    })
    for (let attempt = 0; ; attempt++) {
      try {
        linkSync(mine, path)
        break
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > 2) throw error
        const holder = readHolder(path)
        if (holder)
          throw new DaemonError(
            `state folder ${state} is in use by process ${holder}: stop that one, or start this host with another --state DIR`,
          )
        rmSync(path, { force: true })
      }
    }
  } catch (error) {
    if (error instanceof DaemonError) throw error
    throw new DaemonError(
      `state folder ${state}: ${reasonOf(error)}: ${remedies[codeOf(error)] ?? 'name another with --state DIR'}`,
    )
  } finally {
    rmSync(mine, { force: true })
  }
  return { release: () => rmSync(path, { force: true }) }
}

function readHolder(path: string): number | undefined {
  try {
    const { pid, startTime } = JSON.parse(readFileSync(path, 'utf8')) as { pid: number; startTime: string }
    return startTime !== undefined && startTimeOf(pid) === startTime ? pid : undefined
  } catch {
    return undefined
  }
}
