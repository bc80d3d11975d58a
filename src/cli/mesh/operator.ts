/** What an operator does to the mesh: let in, revoke, renew, turn the keys. Most of it on the host that founded it. */
import type { Command } from 'commander'
import type { Acknowledged, Application, RingKeyLine } from '#mesh'
import type { Api } from '../api.ts'
import { contextOf, print, printJson } from '../context.ts'
import { CommandError, exitCodes } from '../errors.ts'
import { ago, moment, plain } from '../format.ts'
import { type Column, table } from '../table.ts'
import { lineOfInput } from './offline.ts'

/** The others are waited for 5 s, a renewal some more. */
const waitMs = 30_000

type Done = Acknowledged & { id: string }

export function addOperatorCommands(mesh: Command): void {
  mesh
    .command('approve')
    .description(
      'Let a host in that waits (an invite made with --approve); without a fingerprint, list those that do.',
    )
    .argument('[fingerprint]', 'what `lymph mesh join` showed on the host that waits')
    .action(async (fingerprint: string | undefined, _options: object, command: Command) => {
      const { api, json } = contextOf(command)
      if (fingerprint === undefined) {
        const waiting = await api.get<Application[]>('/mesh/applications')
        if (json) printJson(waiting)
        else print(table(waiting, applicationColumns(Date.now()), 'no host waits to be let in'))
        return
      }
      const let_in = await api.post<Application>('/mesh/approve', { fingerprint })
      if (json) printJson(let_in)
      else print(`${plain(let_in.name)} may come in: there, run the same \`lymph mesh join\` again`)
    })
  mesh
    .command('revoke')
    .description(
      'Cut a member off for ever. Connected hosts do it at once; who has done so is told. Exit code 4: not all.',
    )
    .argument('<host>', 'its name, or its peer id')
    .option('--reason <text>', 'kept in the admin log', '')
    .action(async (who: string, { reason }: { reason: string }, command: Command) => {
      const { api, json } = contextOf(command)
      const done = await api.post<Acknowledged & { name: string; peer: string }>(
        '/mesh/revoke',
        { who, reason },
        waitMs,
      )
      report(done, json, `${plain(done.name)} (${done.peer}) is revoked`)
      if (!json) print('it knows the key of the mesh: `lymph mesh keys rotate` makes a new one')
    })
  mesh
    .command('renew')
    .description(
      "Renew this host's certificate now (it is done by itself when two thirds of its time are over).",
    )
    .option(
      '--issuer',
      "the issuer's own, by the root key; reads the passphrase that `mesh init` printed from standard input",
    )
    .action(async (options: { issuer?: boolean }, command: Command) => {
      const { api, json } = contextOf(command)
      const { expires } = options.issuer
        ? await api.post<{ expires: number }>('/mesh/renew/issuer', {
            passphrase: await lineOfInput('passphrase of the root key'),
          })
        : await api.post<{ expires: number }>('/mesh/renew', {}, waitMs)
      if (json) printJson({ expires })
      else
        print(`${options.issuer ? "the issuer's" : "this host's"} certificate holds until ${moment(expires)}`)
    })
  addKeyCommands(
    mesh
      .command('keys')
      .description('The pre-shared keys of the mesh: install a new one, use it, remove the old one.'),
  )
}

function addKeyCommands(keys: Command): void {
  const act = async (command: Command, path: string, body: object, what: (id: string) => string) => {
    const { api, json } = contextOf(command)
    const done = await api.post<Done>(path, body, waitMs)
    report(done, json, what(done.id))
  }
  keys
    .command('list', { isDefault: true })
    .description('Keys of the ring, their state, and how many members hold each.')
    .action(async (_options: object, command: Command) => {
      const { api, json } = contextOf(command)
      const all = await api.get<RingKeyLine[]>('/mesh/keys')
      if (json) printJson(all)
      else print(table(all, keyColumns(Date.now()), 'no key'))
    })
  keys
    .command('install')
    .description('Make a new key and give it to every member: all accept it, none dials with it yet.')
    .action((_options: object, command: Command) =>
      act(
        command,
        '/mesh/keys/install',
        {},
        (id) => `key ${id} is installed; next: lymph mesh keys use ${id}`,
      ),
    )
  keys
    .command('use')
    .description('Have every member dial with a key that is installed.')
    .argument('<key>', 'as `lymph mesh keys list` names it')
    .option('--force', 'though members do not hold it yet; they ask for it by the old key')
    .action((id: string, { force }: { force?: boolean }, command: Command) =>
      act(
        command,
        '/mesh/keys/use',
        { id, force: force ?? false },
        () => `key ${id} is used; next: remove the old one`,
      ),
    )
  keys
    .command('remove')
    .description(
      'Have no member accept a key. For 30 days a host that slept can still ask for the new key by it.',
    )
    .argument('<key>', 'as `lymph mesh keys list` names it')
    .option('--at-once', 'no such 30 days: for a key that is in wrong hands')
    .action((id: string, { atOnce }: { atOnce?: boolean }, command: Command) =>
      act(command, '/mesh/keys/remove', { id, atOnce: atOnce ?? false }, () => `key ${id} is removed`),
    )
  keys
    .command('rotate')
    .description('Install, use, and remove the key used until now; stops where a member does not follow.')
    .option('--force', 'go on without them; they ask for the new key by the old one')
    .option('--at-once', 'the old key opens nothing any more: for a key that is in wrong hands')
    .action(async (options: { force?: boolean; atOnce?: boolean }, command: Command) => {
      const { api, json } = contextOf(command)
      const done = await rotate(api, options)
      report(done, json, `key ${done.id} is used, ${done.removed} removed`)
    })
}

async function rotate(
  api: Api,
  options: { force?: boolean; atOnce?: boolean },
): Promise<Done & { removed: string }> {
  const old = (await api.get<RingKeyLine[]>('/mesh/keys')).find(({ state }) => state === 'used')
  if (old === undefined) throw new CommandError('no key is in use: `lymph mesh keys list`')
  const followed = (done: Done, step: string) => {
    if (done.missing.length === 0 || options.force) return
    throw new CommandError(
      `key ${done.id} is ${step}, but not by ${done.missing.map(plain).join(', ')}; when they are back, go on with \`lymph mesh keys ${step === 'installed' ? 'use' : 'remove'} ${step === 'installed' ? done.id : old.id}\`, or begin with --force`,
      exitCodes.degraded,
    )
  }
  const installed = await api.post<Done>('/mesh/keys/install', {}, waitMs)
  followed(installed, 'installed')
  followed(
    await api.post<Done>('/mesh/keys/use', { id: installed.id, force: options.force ?? false }, waitMs),
    'used',
  )
  const removed = await api.post<Done>(
    '/mesh/keys/remove',
    { id: old.id, atOnce: options.atOnce ?? false },
    waitMs,
  )
  return { ...removed, id: installed.id, removed: old.id }
}

/** "41/43 acknowledged, 2 have not: db-1, db-2"; exit code 4 where not all did. */
function report(done: Acknowledged, json: boolean, what: string): void {
  const { acknowledged, missing } = done
  if (missing.length > 0) process.exitCode = exitCodes.degraded
  if (json) {
    printJson(done)
    return
  }
  const all = acknowledged.length + missing.length
  const late = missing.length === 0 ? '' : `, ${missing.length} not reached: ${missing.map(plain).join(', ')}`
  print(`${what}: ${acknowledged.length}/${all} acknowledged${late}`)
}

const applicationColumns = (now: number): Column<Application>[] => [
  { head: 'FINGERPRINT', cell: (a) => a.fingerprint },
  { head: 'NAME', cell: (a) => a.name },
  { head: 'ASKED', cell: (a) => ago(a.asked, now), right: true },
  { head: 'INVITE UNTIL', cell: (a) => moment(a.expires) },
  { head: 'PEER', cell: (a) => a.peer, shrink: true },
]

const keyColumns = (now: number): Column<RingKeyLine>[] => [
  { head: 'KEY', cell: (k) => k.id },
  { head: 'STATE', cell: (k) => k.state, style: (k) => (k.state === 'used' ? 'green' : undefined) },
  { head: 'SINCE', cell: (k) => ago(k.since, now), right: true },
  { head: 'HELD BY', cell: (k) => `${k.holders} of ${k.members}`, right: true },
]
