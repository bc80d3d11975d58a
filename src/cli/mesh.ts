/** `lymph mesh`: found a mesh, bring hosts in, see them. */
import { Command } from 'commander'
import { isAbsent } from './api.ts'
import { contextOf, print, printJson } from './context.ts'
import { duration, parseDuration } from './duration.ts'
import { exitOf } from './errors.ts'
import { ago, moment, plain, plural } from './format.ts'
import { type Founded, foundHere, type Joined, joinHere, leaveHere, tokenFrom } from './mesh/offline.ts'
import { addOperatorCommands } from './mesh/operator.ts'
import type { MemberLine, MeshLine } from './shapes.ts'
import { type Column, facts, table } from './table.ts'

/** Joining dials every address of the invite in turn. */
const joinTimeoutMs = 120_000
const waitsForApproval = 15
const approvalPollMs = 2000

export function meshCommand(): Command {
  const mesh = new Command('mesh').description(
    'The mesh: hosts that warn one another. init and join work before `lymph up` as well as while it runs.',
  )
  mesh
    .command('init')
    .description('Found a mesh; this host is its first member and may invite others.')
    .option('--host <name>', "this host's name in the mesh (default: its host name)")
    .action(async (options: { host?: string }, command: Command) => {
      const context = contextOf(command)
      const { host: name } = options
      const founded = await context.api
        .post<Founded>('/mesh/init', { name })
        .catch((error) => (isAbsent(error) ? foundHere(context, name) : Promise.reject(error)))
      if (context.json) printJson(founded)
      else
        print(
          `mesh ${founded.id} founded; this host is ${plain(founded.name)} (${founded.peer})`,
          ...(founded.passphrase === undefined
            ? []
            : [
                `passphrase of the root key, shown this once: ${founded.passphrase}`,
                'write it down, and move root.key to where it is safe: the two renew the issuer, once a year',
              ]),
          'invite another host with `lymph mesh invite` while `lymph up` runs here',
        )
    })
  mesh
    .command('invite')
    .description('Print a token with which one host can join, once. It is a secret until then.')
    .option('--host <name>', 'the only name the host may take')
    .option('--ttl <duration>', 'how long it holds (default: what the mesh allows, 1h)')
    .option(
      '--tag <name>',
      'what the host is: a class there, kept in its certificate; owner_NAME says whose it is; may be given again',
      (one: string, before: string[]) => [...before, one],
      [],
    )
    .option('--approve', 'the host waits until you say yes: lymph mesh approve')
    .action(
      async (
        options: { host?: string; ttl?: string; approve?: boolean; tag: string[] },
        command: Command,
      ) => {
        const { api, json } = contextOf(command)
        const ttlMs = options.ttl === undefined ? undefined : parseDuration(options.ttl)
        const invite = await api.post<{ token: string; expires: number }>('/mesh/invite', {
          name: options.host,
          ttlMs,
          approve: options.approve,
          ...(options.tag.length > 0 ? { tags: options.tag } : {}),
        })
        if (json) return printJson(invite)
        // The token alone on standard output, so that it can be piped to `lymph mesh join -` on the other host.
        print(invite.token)
        process.stderr.write(
          `for one host, until ${moment(invite.expires)}: there, \`lymph mesh join -\` reads it from standard input\n`,
        )
      },
    )
  mesh
    .command('join')
    .description('Join a mesh with a token of `lymph mesh invite`.')
    .argument('<token>', 'the token, or - to read it from standard input (other users see arguments)')
    .option('--host <name>', "this host's name in the mesh (default: its host name)")
    .option(
      '--wait <duration>',
      'how long to wait for `lymph mesh approve` on the host that invited (default: not)',
    )
    .addHelpText(
      'after',
      '\nExit codes: 10 the token has expired, 11 it was used, 12 it is of another mesh, 13 its host cannot be reached,\n' +
        '14 the clocks of the two hosts differ too much, 15 an operator has to say yes first (lymph mesh approve).',
    )
    .action(async (argument: string, options: { host?: string; wait?: string }, command: Command) => {
      const context = contextOf(command)
      const token = await tokenFrom(argument)
      const { host: name } = options
      const join = () =>
        context.api
          .post<Joined>('/mesh/join', { token, name }, joinTimeoutMs)
          .catch((error) => (isAbsent(error) ? joinHere(context, token, name) : Promise.reject(error)))
      const joined = await patiently(join, options.wait === undefined ? 0 : parseDuration(options.wait))
      if (context.json) printJson(joined)
      else print(...welcome(joined))
    })
  mesh
    .command('leave')
    .description('Leave the mesh. Profiles and incidents stay; joining again takes a new token.')
    .action(async (_options: object, command: Command) => {
      const context = contextOf(command)
      const answer = await context.api
        .post<unknown>('/mesh/leave')
        .catch((error) => (isAbsent(error) ? leaveHere(context) : Promise.reject(error)))
      if (context.json) printJson(answer ?? { left: true })
      else print('left the mesh')
    })
  mesh
    .command('members')
    .description('The hosts of the mesh, this one included.')
    .action(async (_options: object, command: Command) => {
      const { api, json } = contextOf(command)
      const members = await api.get<MemberLine[]>('/mesh/members')
      if (json) printJson(members)
      else
        print(
          table(
            members,
            memberColumns(Date.now()),
            'no mesh: `lymph mesh init` or `lymph mesh join` makes one',
          ),
        )
    })
  mesh
    .command('status')
    .description("This host's place in the mesh, and what it refused.")
    .action(async (_options: object, command: Command) => {
      const { api, json } = contextOf(command)
      const status = await api.get<MeshLine | null>('/mesh/status')
      if (json) printJson(status)
      else if (status?.id) print(facts(statusFacts(status)))
      else print('no mesh: `lymph mesh init` or `lymph mesh join` makes one')
    })
  mesh
    .command('ping')
    .description(
      'Ask members for a sign of life over the encrypted channel. Exit code 4 when one does not answer.',
    )
    .argument('[host...]', 'names of members; without any, all others')
    .action(async (hosts: string[], _options: object, command: Command) => {
      const { api, json } = contextOf(command)
      const answers = await api.post<Pong[]>('/mesh/ping', { hosts })
      if (json) printJson(answers)
      else print(table(answers, pongColumns, 'no other member'))
      if (answers.some(({ ms }) => ms === undefined || ms === null)) process.exitCode = 4
    })
  addOperatorCommands(mesh)
  return mesh
}

/** Tries again while an operator's word is missing; the first refusal is said, since it holds the fingerprint. */
async function patiently(join: () => Promise<Joined>, waitMs: number): Promise<Joined> {
  const until = Date.now() + waitMs
  for (let said = false; ; said = true)
    try {
      return await join()
    } catch (error) {
      if (exitOf(error) !== waitsForApproval || Date.now() > until) throw error
      if (!said) process.stderr.write(`${(error as Error).message}\n`)
      await new Promise((resolve) => setTimeout(resolve, approvalPollMs))
    }
}

interface Pong {
  name: string
  peer: string
  /** Round trip; absent when there was none. */
  ms?: number
  error?: string
}

function welcome(joined: Joined): string[] {
  const { members } = joined
  const count = typeof members === 'number' ? members : members?.length
  return [
    `joined mesh ${joined.id} as ${plain(joined.name)} (${joined.peer})`,
    ...(count === undefined ? [] : [`it has ${plural(count, 'member')}: \`lymph mesh members\``]),
  ]
}

function memberColumns(now: number): Column<MemberLine>[] {
  return [
    { head: 'NAME', cell: (m) => m.name },
    {
      head: 'STATE',
      cell: (m) => m.state,
      style: (m) => (m.state === 'alive' ? 'green' : m.state === 'silent' ? 'yellow' : 'dim'),
    },
    { head: 'HEARD', cell: (m) => ago(m.lastHeard, now), right: true },
    { head: 'SKEW', cell: (m) => duration(m.skewMs), right: true },
    { head: 'CERTIFICATE UNTIL', cell: (m) => moment(m.certificateExpires) },
    { head: 'VERSION', cell: (m) => m.version },
    { head: 'TAGS', cell: (m) => (m.tags ?? []).join(' ') },
    { head: 'REFUSED', cell: (m) => refusedText(m.refused), style: () => 'yellow' },
    { head: 'PEER', cell: (m) => m.peer, shrink: true },
  ]
}

/** What this host did not believe of what the member said. */
function refusedText(refused: Record<string, number> = {}): string {
  return (
    Object.entries(refused)
      .map(([why, count]) => `${why}: ${count}`)
      .join(', ') || '-'
  )
}

const pongColumns: Column<Pong>[] = [
  { head: 'NAME', cell: (p) => p.name },
  {
    head: 'ROUND TRIP',
    cell: (p) => (p.ms === undefined || p.ms === null ? '-' : `${p.ms.toFixed(1)} ms`),
    right: true,
  },
  { head: 'WHY NOT', cell: (p) => p.error ?? '' },
]

function statusFacts(status: MeshLine): [string, string][] {
  const gauges = Object.entries(status.gauges ?? {}).filter(([, count]) => count > 0)
  const refused = Object.entries(status.refused ?? {}).filter(([, count]) => count > 0)
  return [
    ['mesh', status.id],
    ['this host', status.name],
    ['peer', status.peer],
    ['addresses', status.addresses.join(' ') || 'none'],
    ['members', `${status.members}, ${status.connected} connected`],
    ['certificate until', moment(status.certificateExpires)],
    ...(status.tags?.length ? [['tags', status.tags.join(' ')] as [string, string]] : []),
    ['in use', gauges.map(([what, count]) => `${what}: ${count}`).join(', ') || 'nothing'],
    ['refused', refused.map(([why, count]) => `${why}: ${count}`).join(', ') || 'nothing'],
  ]
}
