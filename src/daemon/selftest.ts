/**
 * `lymph selftest`: is it working at all? A harmless helper is learned, made normal, then takes an unusual path; each
 * step is followed to the incident on this host and the warning on a second host in the same process. As root the
 * kernel sensor watches, for everyone else strace.
 */
import { chmodSync, copyFileSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspectKernel, type Sensor } from '#sensor'
import { callName } from '#syscalls'
import { readConfig } from './config.ts'
import { DaemonError } from './errors.ts'
import { Host } from './host.ts'
import type { Messages } from './messages.ts'
import { until, unusual, usual, type Watching } from './selftest/helper.ts'
import { kernelWatching } from './selftest/kernel.ts'
import { tracedWatching } from './selftest/traced.ts'
import { prepareState } from './state-folder.ts'

export interface Step {
  step: string
  /** ms since the self-test began. */
  ms: number
  detail: string
}

/** An anomaly of the run before would be known by then: it takes a few ms. */
const settleMs = 200

/**
 * @param say told of each step as it is done
 * @throws DaemonError naming the step that failed, or why nothing can be watched here
 */
export async function selftest(say: (step: Step) => void): Promise<void> {
  const noKernel = await whyNoKernel()
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'lymph-selftest-')))
  const began = Date.now()
  const done = (step: string, detail: string) => say({ step, ms: Date.now() - began, detail })
  const hosts: Host[] = []
  let watching: Watching | undefined
  try {
    const helper = join(folder, 'helper')
    copyFileSync('/bin/sh', helper)
    chmodSync(helper, 0o755)

    const state = prepareState(join(folder, 'first'))
    if (noKernel === undefined) watching = await kernelWatching(helper, state)
    const first = await openHost('selftest-1', state, watching?.sensor, hosts)
    watching ??= await tracedWatching(helper, first, noKernel ?? '')
    done('sensor', watching.told)

    const { calls, pairs } = await watching.learn(first)
    done('learned', `${helper}: ${calls} calls, ${pairs} pairs`)
    await watching.normalize(first)
    done('normal', 'what was learned is in force')

    const second = await openHost('selftest-2', prepareState(join(folder, 'second')), undefined, hosts)
    const { id } = await first.entry.init()
    const { token } = await first.mesh.mesh.invite({ ttlMs: 60_000 })
    await second.entry.join(token)
    await until('joined', () => (first.mesh.status()?.connected ?? 0) > 0 || undefined)
    done('mesh', `mesh ${id} founded, second host joined`)

    await watching.run(first, usual)
    await new Promise((resolve) => setTimeout(resolve, settleMs))
    if (first.incidents.book.list().some(({ binary }) => binary === helper))
      throw new DaemonError('self-test: the usual path was called anomalous', 1)
    done('usual', 'the usual path again: no anomaly')

    const planted = Date.now()
    await watching.run(first, unusual)
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
    await watching?.close()
    rmSync(folder, { recursive: true, force: true })
  }
  done('gone', 'everything the self-test made has been removed')
}

/** Undefined: it can run. */
async function whyNoKernel(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'that takes root'
  const [problem] = (await inspectKernel()).problems
  return problem && `${problem.what}: ${problem.why}: ${problem.fix}`
}

async function openHost(
  name: string,
  state: string,
  sensor: Sensor | undefined,
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
