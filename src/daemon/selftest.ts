/**
 * `lymph selftest`: is it working at all? A harmless helper is learned, made normal, then takes an unusual path; each
 * step is followed to the incident on this host and the warning on a second host in the same process.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chmodSync, copyFileSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { inspectKernel, SensorClient } from '#sensor'
import { callName } from '#syscalls'
import { readConfig } from './config.ts'
import { DaemonError } from './errors.ts'
import { Host } from './host.ts'
import type { Messages } from './messages.ts'
import { prepareState } from './state-folder.ts'

export interface Step {
  step: string
  /** ms since the self-test began. */
  ms: number
  detail: string
}

const run = promisify(execFile)
const sensorMain = fileURLToPath(new URL('../sensor/kernel/main.ts', import.meta.url))
/** What the helper does all day, and what it never did: shell built-ins, so that no other program takes part. */
const usual = 'cd /; while read -r line; do : "$line"; done </etc/hostname; echo done >/dev/null'
const unusual =
  'umask 077; trap : USR1; kill -USR1 $$; ulimit -S -n 64; cd /tmp; set -C; : >|/dev/null; kill -0 1'
const patienceMs = 20_000

/**
 * @param say told of each step as it is done
 * @throws DaemonError naming the step that failed
 */
export async function selftest(say: (step: Step) => void): Promise<void> {
  const kernel = await inspectKernel()
  if (process.getuid?.() !== 0 || !kernel.ok) {
    const [problem] = kernel.problems
    const why = problem ? `${problem.what}: ${problem.why}: ${problem.fix}` : 'it is not root'
    throw new DaemonError(`the self-test needs the kernel sensor: ${why}; see lymph doctor`, 4)
  }
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'lymph-selftest-')))
  const began = Date.now()
  const done = (step: string, detail: string) => say({ step, ms: Date.now() - began, detail })
  const hosts: Host[] = []
  let sensor: ChildProcess | undefined
  try {
    const helper = join(folder, 'helper')
    copyFileSync('/bin/sh', helper)
    chmodSync(helper, 0o755)

    const firstState = prepareState(join(folder, 'first'))
    sensor = await startSensor(firstState)
    const client = new SensorClient(join(firstState, 'sensor.sock'))
    const first = await openHost('selftest-1', firstState, client, hosts)
    done('sensor', 'eBPF program loaded; every process of this host is watched')

    for (let i = 0; i < 40; i++) await run(helper, ['-c', usual])
    const row = await until('learned', () =>
      first.detector?.live
        .find({ binary: helper })
        .find(({ ready, file, counters }) => ready && file && counters),
    )
    done('learned', `${helper}: ${row.counters?.calls} calls, ${row.pairs} pairs`)
    await first.operator.act({ binary: helper }, 'normalize')
    done('normal', 'what was learned is in force')

    const second = await openHost('selftest-2', prepareState(join(folder, 'second')), undefined, hosts)
    const { id } = await first.meshInit()
    const { token } = await first.mesh.mesh.invite({ ttlMs: 60_000 })
    await second.meshJoin(token)
    await until('joined', () => (first.mesh.status()?.connected ?? 0) > 0 || undefined)
    done('mesh', `mesh ${id} founded, second host joined`)

    await run(helper, ['-c', usual])
    if (first.incidents.book.list().some(({ binary }) => binary === helper))
      throw new DaemonError('self-test: the usual path was called anomalous', 1)
    done('usual', 'the usual path again: no anomaly')

    const planted = Date.now()
    await run(helper, ['-c', unusual])
    const incident = await until('incident', () =>
      first.incidents.book.list().find(({ binary }) => binary === helper),
    )
    const unseen = incident.pairs.slice(0, 3).map(({ current }) => callName(incident.abi, current))
    done(
      'incident',
      `${incident.id} after ${Date.now() - planted} ms: LFC ${incident.maxLfc}, unseen ${[...new Set(unseen)].join(', ')}`,
    )
    const warning = await until('warning', () =>
      second.mesh.warnings().find(({ subject }) => subject === helper),
    )
    done(
      'warning',
      `on ${second.name} after ${Date.now() - planted} ms: ${warning.host}: ${warning.subject}, LFC ${warning.maxLfc}`,
    )
  } finally {
    for (const host of hosts.reverse()) await host.stop()
    sensor?.kill('SIGTERM')
    if (sensor && sensor.exitCode === null) await new Promise((resolve) => sensor?.once('exit', resolve))
    rmSync(folder, { recursive: true, force: true })
  }
  done('gone', 'everything the self-test made has been removed')
}

async function openHost(
  name: string,
  state: string,
  sensor: SensorClient | undefined,
  hosts: Host[],
): Promise<Host> {
  const messages: Messages = { level: 0, say: () => {}, close: () => {} }
  const host = await Host.open({
    state,
    config: readConfig(),
    name,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    sensor,
    messages,
  })
  hosts.push(host)
  return host
}

/** A sensor of the self-test's own, which ends with it. */
async function startSensor(state: string): Promise<ChildProcess> {
  const args = [sensorMain, '--socket', 'sensor.sock', '--owner', '0:0', '--supervisor-fd', '3']
  const child = spawn(process.execPath, args, {
    cwd: state,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) =>
      reject(new DaemonError(`the sensor ended with ${code}: ${lines.join('; ')}`, 4)),
    )
    child.once('error', reject)
    for (const stream of [child.stdout, child.stderr])
      if (stream)
        createInterface({ input: stream }).on('line', (line) => {
          lines.push(line)
          if (line.includes('ready')) resolve()
        })
  })
  return child
}

async function until<T>(step: string, look: () => T | undefined): Promise<T> {
  for (const end = Date.now() + patienceMs; Date.now() < end; ) {
    const found = look()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new DaemonError(`self-test: the step "${step}" did not happen within ${patienceMs / 1000} s`, 1)
}
