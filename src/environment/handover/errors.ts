/** A hand-over that cannot be written: where, why, what to do, in one line. */
export class HandOverError extends Error {
  static override readonly name = 'HandOverError'

  constructor(message: string) {
    super(message.replaceAll(/\s*\n\s*/g, ' '))
    this.name = 'HandOverError'
  }
}
