/** A name or lifetime that no class can have. */
export class ClassError extends Error {
  static override readonly name = 'ClassError'

  constructor(message: string) {
    super(message)
    this.name = 'ClassError'
  }
}
