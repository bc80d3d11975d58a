/** `lymph trace`: profiles and scores from recorded traces (docs/reference/traces.md). Works without the daemon. */
import { Command } from 'commander'
import { convertCommand, recordCommand } from './trace/convert.ts'
import { learnCommand } from './trace/learn.ts'
import { scoreCommand } from './trace/score.ts'

export function traceCommand(): Command {
  const trace = new Command('trace').description('Learn from and score recorded traces.')
  learnCommand(trace)
  scoreCommand(trace)
  convertCommand(trace)
  recordCommand(trace)
  return trace
}
