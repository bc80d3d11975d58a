/** A setting that is none, or a value out of its range. The message names both and says what is allowed. */
export class SettingError extends Error {
  override name = 'SettingError'
}

export type ProfileFileErrorCode = 'not-a-profile' | 'damaged' | 'version' | 'window' | 'abi' | 'too-large'

/** Why a profile file is refused: one line that says what is wrong with it. */
export class ProfileFileError extends Error {
  override name = 'ProfileFileError'
  readonly code: ProfileFileErrorCode
  constructor(code: ProfileFileErrorCode, message: string) {
    super(message)
    this.code = code
  }

  /** The reason, and what whoever gave the file can do; where lymph goes on by itself the reason is enough. */
  get withAdvice(): string {
    if (this.code === 'damaged') return `${this.message}: take another copy of it`
    if (this.code !== 'not-a-profile') return this.message
    return `${this.message}: give a file that lymph profile export or lymph trace learn wrote`
  }
}
