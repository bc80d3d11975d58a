/** The host that watches: `lymph up` on a temporary state folder, asked over its API. */
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { binaryObservable, type ObservableRow } from '#environment'
import { Api } from '../../../src/cli/api.ts'
import { Child } from './child.ts'
import { ExperimentError } from './errors.ts'
import type { Surroundings } from './server.ts'

const cliMain = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url))
const startMs = 60_000
const stopMs = 25_000
const seenMs = 10_000
/** Two samples make the first rate. */
const observableMs = 30_000
const sampleSeconds = 5

export class WatchingHost {
  readonly #api: Api
  readonly #state: string

  private constructor(state: string) {
    this.#state = state
    this.#api = new Api(join(state, 'run', 'api.sock'))
  }

  /**
   * @param folder an empty one
   * @param binary whose calls are an observable
   * @throws ExperimentError where it does not come up with the kernel sensor
   */
  static async start(
    folder: string,
    binary: string,
    { keep, signal, onDeath }: Surroundings,
  ): Promise<WatchingHost> {
    mkdirSync(folder, { recursive: true })
    const config = join(folder, 'lymph.yaml')
    writeFileSync(
      config,
      `environment:\n  interval: ${sampleSeconds}s\n  binaries: [${JSON.stringify(binary)}]\n`,
    )
    const state = join(folder, 'state')
    const where = ['--host', 'figure3', '--listen', '/ip4/127.0.0.1/tcp/0']
    const args = ['--disable-warning=ExperimentalWarning', cliMain, '--state', state, '--config', config]
    const child = new Child('lymph up', process.execPath, [...args, 'up', ...where], onDeath)
    keep(() => child.stop(stopMs))
    const late = AbortSignal.timeout(startMs)
    try {
      await child.line('ready', AbortSignal.any([signal, late]))
      const host = new WatchingHost(state)
      while ((await host.totals()).sensor !== 'kernel')
        await sleep(100, undefined, { signal: AbortSignal.any([signal, late]) })
      return host
    } catch (error) {
      if (signal.aborted || !late.aborted) throw error
      const said = child.said.filter((line) => line !== 'ready').at(-1) ?? 'it said nothing'
      throw new ExperimentError(
        `lymph up has no kernel sensor within ${startMs / 1000} s: ${said}: see lymph doctor`,
      )
    }
  }

  /** What the sensor has seen and lost since it began. */
  async totals(): Promise<{ sensor: string; seen: number; lost: number }> {
    return this.#api.get('/status')
  }

  /** Resolves when the sensor counts the calls of all these processes. */
  async watches(pids: readonly number[], signal: AbortSignal): Promise<void> {
    const end = Date.now() + seenMs
    for (;;) {
      const seen = await this.#callsByPid()
      const missing = pids.filter((pid) => !seen.has(pid))
      if (missing.length === 0) return
      if (Date.now() > end)
        throw new ExperimentError(
          `the sensor does not see process ${missing.join(', ')} of the server: see lymph doctor`,
        )
      await sleep(100, undefined, { signal })
    }
  }

  /** System calls of each of these processes so far, exact at the time of reading. @throws ExperimentError */
  async calls(pids: readonly number[]): Promise<number[]> {
    const seen = await this.#callsByPid()
    return pids.map((pid) => {
      const calls = seen.get(pid)
      if (calls === undefined) throw new ExperimentError(`process ${pid} of the server ended: run it again`)
      return calls
    })
  }

  async #callsByPid(): Promise<Map<number, number>> {
    const processes = await this.#api.get<{ pid: number; calls: number }[]>('/processes')
    return new Map(processes.map(({ pid, calls }) => [pid, calls]))
  }

  /** What `lymph env show` says of the binary's calls, once it says anything. @throws ExperimentError */
  async observable(binary: string, signal: AbortSignal): Promise<ObservableRow> {
    const name = binaryObservable(binary)
    const end = Date.now() + observableMs
    for (;;) {
      const args = [cliMain, '--state', this.#state, '--json', 'env', 'show']
      const { stdout } = await promisify(execFile)(process.execPath, args, { signal })
      const row = (JSON.parse(stdout) as ObservableRow[]).find((one) => one.name === name)
      if (row) return row
      if (Date.now() > end)
        throw new ExperimentError(`lymph env show has no ${name} after ${observableMs / 1000} s`)
      await sleep(500, undefined, { signal })
    }
  }
}
