/** `lymph classes`: the named facts that hold now. */
import { Command } from 'commander'
import { contextOf, print, printJson } from './context.ts'
import { moment } from './format.ts'
import type { ClassLine } from './shapes.ts'
import { table } from './table.ts'

export function classesCommand(): Command {
  return new Command('classes')
    .description('The classes that hold now: named facts with a lifetime, which policies are written over.')
    .action(async (_options: object, command: Command) => {
      const { api, json } = contextOf(command)
      const classes = await api.get<ClassLine[]>('/classes')
      if (json) return printJson(classes)
      classes.sort((a, b) => (a.source + a.name < b.source + b.name ? -1 : 1))
      print(
        table(
          classes,
          [
            { head: 'CLASS', cell: (c) => c.name, shrink: true },
            { head: 'SOURCE', cell: (c) => c.source },
            { head: 'SINCE', cell: (c) => moment(c.since) },
            { head: 'UNTIL', cell: (c) => (c.until === 0 ? 'taken away' : moment(c.until)) },
          ],
          'no class holds now',
        ),
      )
    })
}
