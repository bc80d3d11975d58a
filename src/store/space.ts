import { statfs } from 'node:fs/promises'
import { resolve } from 'node:path'
import { meaning, StoreError } from './errors.ts'

/** Bytes free to this user on the file system of `folder`; undefined where it cannot be told. */
export async function freeBytes(folder: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  } catch {
    return undefined
  }
}

export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(0)} KiB`
  if (bytes < 1024 ** 3) return `${(bytes / 1024 ** 2).toFixed(1)} MiB`
  return `${(bytes / 1024 ** 3).toFixed(1)} GiB`
}

/**
 * @param doing what failed, e.g. "cannot save"
 * @param neededBytes that have to be free for it to go on, where that is known
 */
export async function noSpaceError(
  doing: string,
  folder: string,
  cause?: unknown,
  neededBytes?: number,
): Promise<StoreError> {
  const free = await freeBytes(folder)
  const left = free === undefined ? 'how much is free cannot be told' : `${sizeText(free)} are free`
  const needed = neededBytes === undefined ? '' : `, ${sizeText(neededBytes)} are needed`
  return new StoreError(
    'no-space',
    folder,
    `${doing}: the disk of ${resolve(folder)} is full (${left}${needed}); what was saved is not touched: make room on it, or move the state with --state DIR`,
    { cause },
  )
}

/** What LevelDB or the file system said, as the one line for the user. */
export async function storeErrorFrom(doing: string, folder: string, error: unknown): Promise<StoreError> {
  if (error instanceof StoreError) return error
  const { code, text } = meaning(error)
  if (code === 'no-space') return noSpaceError(doing, folder, error)
  const advice = {
    'not-writable': `make it writable for this user (chown, chmod, mount -o remount,rw), or use another folder with --state DIR`,
    damaged: 'restart lymph: it repairs the store as it starts, and keeps what it cannot read',
    locked: 'another process has it open',
  }[code as string]
  return new StoreError(code, folder, `${doing} in ${folder}: ${text}${advice ? `; ${advice}` : ''}`, {
    cause: error,
  })
}
