/**
 * The state folder: everything a host keeps, its sockets included (docs/design.md). As root, what the unprivileged
 * daemon writes belongs to its user, and the folder itself stays root's, so that the sensor's socket and leases are
 * out of the daemon's reach.
 */
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { DaemonError, oneLine } from './errors.ts'

/** Names inside the state folder. The daemon works with the folder as its current directory, so these are its paths. */
export const stateNames = {
  apiSocket: 'run/api.sock',
  sensorSocket: 'sensor.sock',
  pidFile: 'run/daemon.pid',
  upFile: 'up.json',
  store: 'store',
  profiles: 'profiles',
  mesh: 'mesh',
  log: 'log',
} as const

const daemonFolders = ['run', stateNames.store, stateNames.profiles, stateNames.mesh, stateNames.log]

/** /var/lib/lymph as root, else $XDG_STATE_HOME/lymph, else ~/.local/state/lymph. */
export function defaultState(): string {
  if (process.getuid?.() === 0) return '/var/lib/lymph'
  return join(process.env.XDG_STATE_HOME || join(homedir(), '.local/state'), 'lymph')
}

export interface User {
  name: string
  uid: number
  gid: number
}

/** Who the daemon runs as: the user `lymph`, else `nobody`; undefined when this process is not root. */
export function daemonUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of ['lymph', 'nobody']) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':')
    if (fields) return { name, uid: Number(fields[2]), gid: Number(fields[3]) }
  }
  return { name: '65534', uid: 65534, gid: 65534 }
}

/**
 * Makes the state folder and its parts with the right owners and modes; safe to repeat.
 * @returns its absolute path
 * @throws DaemonError where it cannot be made or written
 */
export function prepareState(folder: string): string {
  const state = resolve(folder)
  const user = daemonUser()
  try {
    mkdirSync(state, { recursive: true, mode: user ? 0o751 : 0o700 })
    if (!statSync(state).isDirectory()) throw new Error('it is not a folder')
    if (user && statSync(state).uid === 0) chmodSync(state, 0o751)
    for (const name of daemonFolders) {
      const path = join(state, name)
      mkdirSync(path, { recursive: true, mode: 0o700 })
      if (user) giveTo(path, user)
    }
  } catch (error) {
    const why = oneLine(error)
    throw new DaemonError(
      `state folder ${state}: ${why}: name another with --state DIR, or make this one writable`,
    )
  }
  return state
}

/** Gives a folder and what is in it to a user; links are given, not followed. */
function giveTo(path: string, user: User): void {
  const stat = lstatSync(path)
  if (stat.isSymbolicLink()) return
  if (stat.uid !== user.uid || stat.gid !== user.gid) chownSync(path, user.uid, user.gid)
  if (stat.isDirectory()) for (const name of readdirSync(path)) giveTo(join(path, name), user)
}

/** When a process started, in clock ticks since boot: with the pid, who a process is. Undefined when there is none. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

/**
 * Marks the state folder as this process's, so that a second `lymph up` on it says so instead of harming the first.
 * @throws DaemonError naming the process that has it
 */
export function claimState(state: string): { release: () => void } {
  const path = join(state, stateNames.upFile)
  const mine = `${path}.${process.pid}`
  writeFileSync(mine, JSON.stringify({ pid: process.pid, startTime: startTimeOf(process.pid) }), {
    mode: 0o600,
  })
  try {
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
  } finally {
    rmSync(mine, { force: true })
  }
  return { release: () => rmSync(path, { force: true }) }
}

function readHolder(path: string): number | undefined {
  try {
    const { pid, startTime } = JSON.parse(readFileSync(path, 'utf8')) as { pid: number; startTime: string }
    return startTimeOf(pid) === startTime ? pid : undefined
  } catch {
    return undefined
  }
}
