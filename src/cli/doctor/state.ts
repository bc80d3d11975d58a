/** Checks of the state folder: can it be written, is there room, does someone hold the store. */
import { existsSync, mkdtempSync, readFileSync, rmdirSync, statfsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { reasonOf } from '../errors.ts'
import { bytes } from '../format.ts'
import { type Finding, failed, ok, skipped } from './finding.ts'

/** A full store of 300 profiles with its versions takes about a tenth. */
const leastFreeBytes = 256 * 2 ** 20

export function checkFolder(state: string): Finding {
  const check = 'state folder'
  const there = existsSync(state)
  const place = there ? state : nearestAncestor(state)
  try {
    // Tried rather than asked: access(2) knows nothing of quotas or of a file system that turned read-only.
    rmdirSync(mkdtempSync(join(place, '.lymph-doctor-')))
  } catch (error) {
    return failed(
      check,
      `${state} cannot be ${there ? 'written' : 'made'}: ${reasonOf(error)}`,
      process.getuid?.() === 0
        ? 'mount it writable, or name another with --state DIR'
        : 'run as root, or name a folder of your own with --state DIR',
    )
  }
  return ok(check, there ? `${state} can be written` : `${state} will be made by the first \`lymph up\``)
}

export function checkSpace(state: string): Finding {
  const check = 'free space'
  const place = existsSync(state) ? state : nearestAncestor(state)
  try {
    const { bavail, bsize } = statfsSync(place)
    const free = bavail * bsize
    return free >= leastFreeBytes
      ? ok(check, `${bytes(free)} at ${place}`)
      : failed(
          check,
          `${bytes(free)} at ${place}; ${bytes(leastFreeBytes)} are wanted`,
          'make room, or name another --state DIR',
        )
  } catch (error) {
    return skipped(check, `${place}: ${reasonOf(error)}`)
  }
}

/** @param answers whether a daemon answers on this state's socket */
export function checkStore(state: string, answers: boolean): Finding {
  const check = 'store'
  const file = join(state, 'store/pid')
  let pid: number
  try {
    pid = Number(readFileSync(file, 'utf8').trim())
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT'
      ? ok(check, 'nobody has it open')
      : skipped(check, `${file}: ${reasonOf(error)}; root can look`)
  }
  if (!isAlive(pid)) return ok(check, 'nobody has it open')
  if (answers) return ok(check, `open in the daemon, process ${pid}`)
  return failed(
    check,
    `process ${pid} has it open and does not answer as a daemon`,
    `wait if it is just starting; else end it: kill ${pid}`,
  )
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid < 1) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function nearestAncestor(path: string): string {
  let at = path
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at)
  return at
}
