/** What ends a command: one line that says what, where, why and what to do, and the exit code. */
export class CommandError extends Error {
  readonly exit: number

  constructor(message: string, exit: number = exitCodes.usage, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CommandError'
    this.exit = exit
  }
}

/** Rule 9 of docs/design.md; 10 and up are a command's own. */
export const exitCodes = { ok: 0, findings: 1, usage: 2, noDaemon: 3, degraded: 4 } as const

/** The exit code an error of any room carries; whatever else goes wrong is taken for bad input. */
export function exitOf(error: unknown): number {
  const exit = (error as { exit?: unknown } | undefined)?.exit
  return typeof exit === 'number' && Number.isInteger(exit) && exit > 0 && exit < 256 ? exit : exitCodes.usage
}

/** Sentences for what the system says most often; the rest is passed on as Node words it. */
const reasons: Record<string, string> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is not a folder',
  EEXIST: 'it is there already',
  ENOSPC: 'the disk is full',
  EROFS: 'the file system is read-only',
  ENAMETOOLONG: 'the name is too long',
}

/** Why something of the system failed, without the name of the call that did. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string }
  return (code && reasons[code]) ?? message ?? String(error)
}

/** An error as one line; file errors get the path they are about. */
export function lineOf(error: unknown): string {
  const { code, path, syscall } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' && !path) return `${reasons[code]}: make room on it and try again`
  if (code && reasons[code] && path && syscall) return `${path}: ${reasons[code]}`
  return error instanceof Error ? error.message : String(error)
}
