/** A policy that cannot be used: nothing of it is. `exit` 4: a host whose policy is so is degraded. */
export class PolicyError extends Error {
  static override readonly name = 'PolicyError'
  readonly exit: number
  /** Every mistake, one line each; the message is the first. */
  faults: readonly string[]

  constructor(message: string, exit = 4) {
    super(message)
    this.name = 'PolicyError'
    this.exit = exit
    this.faults = [message]
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
