/** A setting or saved incident that cannot be. */
export class IncidentError extends Error {
  static override readonly name = 'IncidentError'

  constructor(message: string) {
    super(message)
    this.name = 'IncidentError'
  }
}
