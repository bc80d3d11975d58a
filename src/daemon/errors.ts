/** Something the user can mend: one line that says what, where, why and what to do, and the exit code to end with. */
export class DaemonError extends Error {
  static readonly exitCodes = { usage: 2, noDaemon: 3, degraded: 4 } as const
  readonly exit: number

  constructor(message: string, exit: number = DaemonError.exitCodes.usage, options?: ErrorOptions) {
    super(message, options)
    this.name = 'DaemonError'
    this.exit = exit
  }
}

/** What any room's error has to say for itself, in one line. */
export function oneLine(error: unknown): string {
  const { code, path } = (error ?? {}) as NodeJS.ErrnoException
  // Node's own words say neither where nor what to do.
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return `${path ?? 'the state folder'}: the disk is full: make room on it and try again`
  const text = error instanceof Error ? error.message : String(error)
  return text.replace(/\s*\n\s*/g, ' ')
}

/** The exit code an error of any room carries, or 2. */
export function exitOf(error: unknown): number {
  const exit = (error as { exit?: unknown } | undefined)?.exit
  return typeof exit === 'number' ? exit : DaemonError.exitCodes.usage
}
