/** A setting that is none, or a value out of its range. The message names both and says what is allowed. */
export class SettingError extends Error {
  override name = 'SettingError'
}

export type ProfileFileErrorCode = 'not-a-profile' | 'damaged' | 'version' | 'window' | 'abi' | 'too-large'

/** Why a profile file is refused: one line that says what is wrong with it and what to do. */
export class ProfileFileError extends Error {
  override name = 'ProfileFileError'
  readonly code: ProfileFileErrorCode
  constructor(code: ProfileFileErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
