/**
 * Whom nothing is ever done to, whatever a policy says and whoever asks: init, the system's session and SSH daemons,
 * lymph itself, and the list of root's. Enforced here, in the process that would act, just before it does.
 */
import { statSync } from 'node:fs'
import { basename } from 'node:path'
import type { NeverList } from '../promises/world.ts'
import { lineOf } from './processes.ts'

/** Without these nobody gets into the host to undo anything. By the file that runs: a name alone anybody can take. */
const always =
  /^(init|systemd|systemd-.*|sshd|sshd-.*|dropbear|agetty|login|elogind|dbus-daemon|dbus-broker(-launch)?)$/
const systemFolders = /^\/(usr\/(local\/)?)?(s?bin|lib|lib64|libexec)\//

/** Of root's list, in a sentence. */
const NAMED = 20

export interface NeverOptions {
  /** Full paths, or file names: the config's `never_delay` and `agent.never`. */
  list: readonly string[]
  /** lymph's own processes: by number, and whoever descends from them. */
  own: readonly number[]
}

export function neverList({ list, own }: NeverOptions): NeverList {
  const paths = new Set(list)
  const listed = [...new Set(list)]
  const more = listed.length > NAMED ? ` and ${listed.length - NAMED} more` : ''
  return {
    told: [
      'init, login, session and SSH daemons, lymph and what it started',
      ...(listed.length > 0 ? [`and of root's list ${listed.slice(0, NAMED).join(', ')}${more}`] : []),
    ].join(', '),
    why({ pid, binary }) {
      if (pid <= 3) return 'it is the system itself'
      if (paths.has(binary) || paths.has(basename(binary)))
        return "it is on root's list of what is never acted on"
      if (always.test(basename(binary)) && systemFolders.test(binary) && isRoots(pid))
        return 'without it nobody would get into this host'
      if (isAbove(pid) || [...lineOf(pid)].some((above) => own.includes(above))) return 'it is part of lymph'
      return undefined
    },
  }
}

/** This process's own line: whoever started the run must see its end. */
function isAbove(pid: number): boolean {
  return [...lineOf(process.pid)].includes(pid)
}

/** The file that runs is root's, and nobody else writes it. */
function isRoots(pid: number): boolean {
  try {
    const { uid, mode } = statSync(`/proc/${pid}/exe`)
    return uid === 0 && (mode & 0o022) === 0
  } catch {
    return false
  }
}
