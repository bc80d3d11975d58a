export type SoftwareSensorErrorCode =
  | 'no-strace'
  | 'ptrace-forbidden'
  | 'command-not-found'
  | 'strace-failed'
  | 'no-such-profile'
  | 'started-twice'
  | 'window'

/** Why calls cannot be watched this way: one line that says what is wrong and what to do. */
export class SoftwareSensorError extends Error {
  override name = 'SoftwareSensorError'
  readonly code: SoftwareSensorErrorCode
  constructor(code: SoftwareSensorErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
