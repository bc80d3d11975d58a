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

/** Mistakes as they stand in their file: `file:line:column: ...`. */
export function inOrder(faults: readonly string[]): string[] {
  const placeOf = (fault: string): [number, number] => {
    const [, line, column] = /:(\d+):(\d+): /.exec(fault) ?? []
    return [Number(line), Number(column)]
  }
  return faults.toSorted((a, b) => {
    const [one, other] = [placeOf(a), placeOf(b)]
    return one[0] - other[0] || one[1] - other[1]
  })
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
