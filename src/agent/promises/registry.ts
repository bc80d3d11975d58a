/** The types of promises there are. */
import { forensics } from '../evidence/promise.ts'
import { files } from '../integrity/promise.ts'
import { commands } from './commands.ts'
import type { PromiseType } from './interface.ts'
import { processes } from './processes/index.ts'
import { profile } from './profile.ts'
import { report } from './report.ts'

export const promiseTypes: readonly PromiseType[] = [
  processes,
  files,
  profile,
  commands,
  forensics,
  report,
] as never
