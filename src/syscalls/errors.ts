/** A trace that cannot be read, or not whole: one line that says what, where and why. The caller says which file. */
export class TraceError extends Error {
  override name = 'TraceError'
  /** Bad input: docs/design.md, exit codes. */
  readonly exit = 2
}
