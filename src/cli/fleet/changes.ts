/** `lymph fleet changes`: programs whose file is another now. */
import type { Command } from 'commander'
import type { FileChange } from '#fleet'
import { contextOf, print, printJson } from '../context.ts'
import { moment, shortHash } from '../format.ts'
import { type Column, table } from '../table.ts'

type Line = FileChange & { peers: number }

export function addChanges(fleet: Command): void {
  fleet
    .command('changes')
    .description(
      'Programs of this host whose file is another now: expected where a package manager put it there, else binary_changed. The old ' +
        'profile is kept until the new one stands; then both are compared.',
    )
    .option('--ack <id>', 'you know of it: the class binary_changed goes when all are acknowledged')
    .action(async (options: { ack?: string }, command: Command) => {
      const { api, json } = contextOf(command)
      if (options.ack !== undefined) {
        const change = await api.post<FileChange>(
          `/fleet/changes/${encodeURIComponent(options.ack)}/acknowledge`,
        )
        if (json) printJson(change)
        else print(`${change.id} acknowledged`)
        return
      }
      const changes = await api.get<Line[]>('/fleet/changes')
      if (json) printJson(changes)
      else print(table(changes, columns, 'no file of a program with a profile has changed'))
    })
}

const columns: Column<Line>[] = [
  { head: 'ID', cell: (c) => c.id },
  {
    head: 'VERDICT',
    cell: (c) => (c.acknowledged ? `${c.verdict}, acknowledged` : c.verdict),
    style: (c) => (c.verdict === 'unexpected' && !c.acknowledged ? 'red' : undefined),
  },
  { head: 'SEEN', cell: (c) => moment(c.at) },
  { head: 'FROM', cell: (c) => shortHash(c.from) },
  { head: 'TO', cell: (c) => shortHash(c.to) },
  { head: 'PACKAGE', cell: (c) => (c.package ? `${c.package.name} ${c.package.version}` : '-') },
  { head: 'PEERS', cell: (c) => c.peers, right: true },
  {
    head: 'OLD AND NEW',
    cell: ({ compared }) =>
      compared
        ? `${compared.distance.toFixed(3)} apart, ${compared.onlyOld} pairs gone, ${compared.onlyNew} new`
        : 'the old one is kept',
  },
  { head: 'BINARY', cell: (c) => c.binary, shrink: true },
]
