/** Agent runs without a daemon, on processes that the test starts, with a keeper of their leases. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { agentFolder, agentRun, leasesFolder, type RunReport } from '#agent'
import { type Cleanup, until } from './hosts.ts'

const keeperMain = new URL('../../src/agent/leases/main.ts', import.meta.url).pathname

export class Acting {
  readonly folder: string
  readonly state: string
  readonly leases: string
  readonly options: { state: string; tags: string[]; never: string[]; daemon: undefined; say(): void }
  readonly #cleanup: Cleanup
  keeper!: ChildProcess

  constructor(cleanup: Cleanup, name: string) {
    this.#cleanup = cleanup
    this.folder = cleanup.folder(name)
    this.state = join(this.folder, 'state')
    this.leases = leasesFolder(agentFolder(this.state))
    this.options = { state: this.state, tags: [], never: ['/usr/bin/true'], daemon: undefined, say() {} }
  }

  /** At the start of a test file, and again after a test has ended it. */
  async startKeeper(): Promise<void> {
    mkdirSync(this.leases, { recursive: true, mode: 0o700 })
    const keeper = spawn(process.execPath, [keeperMain, this.leases], {
      stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
    })
    this.#cleanup.add(() => keeper.kill('SIGKILL'))
    keeper.stdio[3]?.on('error', () => {})
    await until('the keeper is there', () => {
      const file = join(this.leases, 'keeper')
      return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).pid === keeper.pid ? true : undefined
    })
    this.keeper = keeper
  }

  /** A process that this test owns, and its name: a copy would be another program. */
  start(script: string): ChildProcess & { pid: number } {
    const child = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'pipe', 'ignore'], detached: true })
    child.stdin?.on('error', () => {})
    this.#cleanup.add(() => end(child))
    return child as ChildProcess & { pid: number }
  }

  /** A policy of this text, as root's file. */
  file(text: string): string {
    const path = join(this.folder, 'policy.yaml')
    writeFileSync(path, text, { mode: 0o644 })
    return path
  }

  async act(body: string, mode: 'act' | 'rehearse' | 'tell' = 'act'): Promise<RunReport> {
    const report = await agentRun({
      ...this.options,
      policyFile: this.file(body),
      mode,
      noLocks: true,
      signal: new AbortController().signal,
    })
    assert.ok(!('held' in report))
    return report
  }
}

/** Ends what `start` started, with its children. */
export function end(child: ChildProcess): void {
  try {
    process.kill(-(child.pid as number), 'SIGKILL')
  } catch {
    // All of it has ended.
  }
}

/** A policy that does this to one process. */
export const on = (pid: number, what: string): string =>
  `filters: { one: { pid: { from: ${pid}, to: ${pid} } } }\npromises:\n  - processes: { filter: one, ${what} }\n`
