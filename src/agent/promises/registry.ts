/** The types of promises there are. */
import { commands } from './commands.ts'
import type { PromiseType } from './interface.ts'
import { processes } from './processes/index.ts'
import { profile } from './profile.ts'
import { report } from './report.ts'

export const promiseTypes: readonly PromiseType[] = [processes, profile, commands, report] as never
