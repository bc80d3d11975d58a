/** Checks that ask the daemon, and of what it needs from others: its configuration and its port. */
import { createServer } from 'node:net'
import type { Api } from '../api.ts'
import { CommandError, exitCodes, lineOf, reasonOf } from '../errors.ts'
import { ago, compact } from '../format.ts'
import type { MemberLine, Status } from '../shapes.ts'
import { type Finding, failed, ok, skipped } from './finding.ts'

/** A person waits for doctor; a daemon that needs longer is not well. */
const patienceMs = 5000
const defaultListen = ['/ip4/0.0.0.0/tcp/7946']

export interface Asked {
  status?: Status
  members: MemberLine[]
  findings: Finding[]
}

export async function askDaemon(api: Api): Promise<Asked> {
  let status: Status
  try {
    status = await api.get<Status>('/status', {}, patienceMs)
  } catch (error) {
    return {
      members: [],
      findings: [
        unanswered(error),
        skipped('sensor', 'no daemon to ask'),
        skipped('peers', 'no daemon to ask'),
      ],
    }
  }
  const members = status.mesh?.id
    ? await api.get<MemberLine[]>('/mesh/members', {}, patienceMs).catch(() => [])
    : []
  return {
    status,
    members,
    findings: [
      ok('daemon', `${status.host} answers at ${api.socket}`),
      sensorFinding(status),
      peersFinding(status, members),
    ],
  }
}

function unanswered(error: unknown): Finding {
  if (!(error instanceof CommandError) || error.exit !== exitCodes.noDaemon)
    return failed(
      'daemon',
      `it answers with an error: ${lineOf(error)}`,
      'look at its messages, or restart `lymph up`',
    )
  // The sentence ends in what to do: the part before it is why.
  const cut = error.message.lastIndexOf(': ')
  return failed('daemon', error.message.slice(0, cut), error.message.slice(cut + 2))
}

function sensorFinding(status: Status): Finding {
  const { sensor, seen, lost } = status
  if (sensor === 'none')
    return failed(
      'sensor',
      'the daemon has none: it learns nothing of this host',
      'the lines on the kernel say what is missing; then restart `lymph up` as root',
    )
  if (lost > 0 && lost > seen / 100)
    return failed(
      'sensor',
      `${compact(lost)} of ${compact(seen)} calls were lost`,
      '`lymph overhead` shows the load; fewer profiles or more memory help',
    )
  return ok('sensor', `${sensor}: ${compact(seen)} calls seen, ${compact(lost)} lost`)
}

function peersFinding({ mesh }: Status, members: MemberLine[]): Finding {
  if (!mesh?.id) return ok('peers', 'in no mesh; `lymph mesh init` or `lymph mesh join` makes one')
  const silent = members.filter(({ state }) => state === 'silent')
  if (silent.length === 0) return ok('peers', `${mesh.members} members, ${mesh.connected} connected`)
  const now = Date.now()
  return failed(
    'peers',
    `silent: ${silent.map(({ name, lastHeard }) => `${name} (heard ${ago(lastHeard, now)} ago)`).join(', ')}`,
    'see whether they run and their port can be reached: `lymph mesh ping`',
  )
}

/** What the daemon would read, checked as it would; and whether it could listen there. */
export async function checkConfig(file: string | undefined, answers: boolean): Promise<Finding[]> {
  let listen = defaultListen
  let finding: Finding
  try {
    const { readConfig } = await import('#daemon')
    listen = readConfig(file).listen
    finding = ok('config', file ?? 'the shipped defaults')
  } catch (error) {
    finding = failed('config', lineOf(error), 'mend that line; config/lymph.yaml shows all there is')
  }
  return [finding, ...(await Promise.all(listen.map((address) => checkPort(address, answers))))]
}

async function checkPort(address: string, answers: boolean): Promise<Finding> {
  const check = 'port'
  const parts = /^\/ip([46])\/([^/]+)\/tcp\/(\d+)$/.exec(address)
  if (!parts) return skipped(check, `${address} is not a plain TCP address`)
  const [, , host = '', port = ''] = parts
  const error = await tryListen(host, Number(port))
  if (!error) return ok(check, `${port}/tcp is free`)
  if (error.code === 'EADDRINUSE' && answers)
    return ok(check, `${port}/tcp is in use while this host's daemon runs`)
  if (error.code === 'EADDRINUSE')
    return failed(
      check,
      `${port}/tcp is in use by another program`,
      'end that one (ss -ltnp names it), or choose another: lymph up --listen /ip4/0.0.0.0/tcp/7947',
    )
  return failed(check, `${address}: ${reasonOf(error)}`, 'choose an address of this host with --listen')
}

function tryListen(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', resolve)
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}
