/** What ends an experiment, in the one line its user reads. */

export const exitCodes = { findings: 1, usage: 2, degraded: 4, interrupted: 130 } as const

export class ExperimentError extends Error {
  override readonly name = 'ExperimentError'
  readonly exit: number

  constructor(message: string, exit: number = exitCodes.degraded) {
    super(message)
    this.exit = exit
  }
}

/** Whatever was thrown, in one line. */
export function lineOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.trim().replace(/\s*\n\s*/g, ': ')
}
