/** A setting of the probes that cannot be: file, place, why, in one line. */
export class ProbeError extends Error {
  static override readonly name = 'ProbeError'

  constructor(message: string) {
    super(message.replaceAll(/\s*\n\s*/g, ' '))
    this.name = 'ProbeError'
  }
}

/** The code of a system error (`ENOENT`), or its first line. */
export function reason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return (
    code ??
    String((error as Error | undefined)?.message ?? error)
      .split('\n')[0]!
      .slice(0, 200)
  )
}
