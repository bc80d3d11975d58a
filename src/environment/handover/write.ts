import { lstat, open, rename, rm, stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { HandOverError } from './errors.ts'

const filePattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/

/**
 * Puts a hand-over where an agent reads it: beside it under `NAME.new`, then renamed, so that a reader has the old one or
 * the new one. Mode 0644. What the name points to before, were it a link, is left alone.
 * @param folder a full path of a folder that is there
 * @param name a file's name in it, and nothing else
 * @throws HandOverError any other name or folder, or the system's reason
 */
export async function writeHandOver(folder: string, name: string, text: string): Promise<void> {
  const path = await target(folder, name)
  const draft = `${path}.new`
  try {
    // A file of an earlier try, or a link somebody laid: gone, and 'wx' never follows one.
    await rm(draft, { force: true })
    const file = await open(draft, 'wx', 0o644)
    try {
      await file.writeFile(text)
      await file.chmod(0o644)
    } finally {
      await file.close()
    }
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {})
    throw refusal(path, error)
  }
}

/** Takes a hand-over away: a daemon that stops must not leave classes that hold for ever. */
export async function removeHandOver(folder: string, name: string): Promise<void> {
  const path = await target(folder, name)
  try {
    await rm(path, { force: true })
  } catch (error) {
    throw refusal(path, error)
  }
}

async function target(folder: string, name: string): Promise<string> {
  if (!filePattern.test(name))
    throw new HandOverError(
      `hand-over ${JSON.stringify(name.slice(0, 130))}: not the name of a file in the folder: letters, digits, _ . and - only`,
    )
  if (!isAbsolute(folder))
    throw new HandOverError(`hand-over folder ${JSON.stringify(folder)}: give its full path`)
  const path = join(folder, name)
  try {
    if (!(await stat(folder)).isDirectory()) throw new HandOverError(`hand-over ${folder}: no folder`)
  } catch (error) {
    throw error instanceof HandOverError ? error : refusal(folder, error)
  }
  const present = await lstat(path).catch(() => undefined)
  if (present?.isDirectory())
    throw new HandOverError(`hand-over ${path}: a folder has this name; move it away`)
  return path
}

function refusal(path: string, error: unknown): HandOverError {
  const { code, message } = error as NodeJS.ErrnoException
  return new HandOverError(
    `hand-over ${path}: cannot be written (${code ?? message}): let the daemon's user write to its folder, or name another`,
  )
}
