/**
 * `locked`: another process has it. `no-space`, `not-writable`: nothing was lost in memory, the caller may try again.
 * `damaged`: what is on the disk does not hold. `full`: a kind of record reached its cap. `invalid`: the caller's
 * value cannot be kept. `closed`: after `close`. `failed`: anything else LevelDB says.
 */
export type StoreErrorCode =
  | 'locked'
  | 'no-space'
  | 'not-writable'
  | 'damaged'
  | 'full'
  | 'invalid'
  | 'closed'
  | 'failed'

/** What went wrong, where, why and what to do, in one line. */
export class StoreError extends Error {
  static override readonly name = 'StoreError'
  readonly code: StoreErrorCode
  /** The folder or file it is about. */
  readonly where: string

  constructor(code: StoreErrorCode, where: string, message: string, options?: ErrorOptions) {
    super(message.replaceAll(/\s*\n\s*/g, ' '), options)
    this.name = 'StoreError'
    this.code = code
    this.where = where
  }
}

/** The innermost cause's text and code: LevelDB's own words are two errors deep. */
function innermost(error: unknown): { code: string; text: string } {
  let code = ''
  let text = String(error)
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    text = at.message
    code = (at as NodeJS.ErrnoException).code ?? code
  }
  return { code, text }
}

const noSpace = /No space left|Disk quota exceeded/
const notWritable = /Permission denied|Read-only file system|Operation not permitted|Not a directory/
const damage = /Corruption|No such file or directory/

/** What an error of LevelDB or of the file system means for whoever keeps a store. */
export function meaning(error: unknown): { code: StoreErrorCode; text: string } {
  const { code, text } = innermost(error)
  if (code === 'LEVEL_LOCKED') return { code: 'locked', text }
  if (code === 'ENOSPC' || code === 'EDQUOT' || noSpace.test(text)) return { code: 'no-space', text }
  if (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST'].includes(code) || notWritable.test(text))
    return { code: 'not-writable', text }
  if (code === 'LEVEL_CORRUPTION' || damage.test(text)) return { code: 'damaged', text }
  return { code: 'failed', text }
}
