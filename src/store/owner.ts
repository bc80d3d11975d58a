import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StoreError } from './errors.ts'

/** Who has the store open leaves its number here; LevelDB's own lock cannot be asked. */
const pidFile = 'pid'

export async function leaveName(folder: string): Promise<void> {
  // Without it only an error message is poorer: a disk too full for five bytes must not stop the store.
  await writeFile(join(folder, pidFile), `${process.pid}\n`).catch(() => undefined)
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function pidIn(file: string): Promise<number | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const pid = Number(text.trim())
  return Number.isSafeInteger(pid) && pid > 0 && alive(pid) ? pid : undefined
}

/** Says who has it, where that can be told: the store's own pid file, else the daemon's. */
export async function lockedError(folder: string, cause: unknown): Promise<StoreError> {
  const pid = (await pidIn(join(folder, pidFile))) ?? (await pidIn(join(folder, '..', 'run', 'daemon.pid')))
  const who =
    pid === process.pid
      ? 'this process has it open already'
      : pid === undefined
        ? 'another daemon uses this state'
        : `another daemon uses this state (pid ${pid})`
  const advice =
    pid === process.pid
      ? 'open it once and hand it on'
      : `stop that one${pid === undefined ? '' : ` (kill ${pid})`}, or give this one a state of its own with --state DIR`
  return new StoreError('locked', folder, `cannot open ${folder}: ${who}; ${advice}`, { cause })
}
