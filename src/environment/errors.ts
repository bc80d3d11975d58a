export type EnvironmentErrorCode = 'zone' | 'setting' | 'damaged' | 'version' | 'input'

/** A saved model, a setting or an input that cannot be: one line that says what is wrong and what to do. */
export class EnvironmentError extends Error {
  static override readonly name = 'EnvironmentError'
  readonly code: EnvironmentErrorCode

  constructor(code: EnvironmentErrorCode, message: string) {
    super(message)
    this.name = 'EnvironmentError'
    this.code = code
  }
}
