/** A policy that cannot be used; `exit` is the command's: 2 for a mistake in it, 4 for one that would act half. */
export class PolicyError extends Error {
  static override readonly name = 'PolicyError'
  readonly exit: number

  constructor(message: string, exit = 2) {
    super(message)
    this.name = 'PolicyError'
    this.exit = exit
  }
}

/** An agent run that cannot do what it was asked to. `exit` 4: degraded. */
export class AgentError extends Error {
  static override readonly name = 'AgentError'
  readonly exit: number

  constructor(message: string, exit = 4) {
    super(message)
    this.name = 'AgentError'
    this.exit = exit
  }
}
