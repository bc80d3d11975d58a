/**
 * Hosts in network namespaces of their own, on one switch (a bridge in a namespace too, so that nothing of this machine's network
 * is touched), each running `lymph up`. Whoever makes a lab ends it; that takes every namespace, link and process away.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const lymph = new URL('../../src/cli/main.ts', import.meta.url).pathname

/** Why there can be no lab here, or nothing. */
export function noNamespaces(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  try {
    execFileSync('ip', ['netns', 'list'], { stdio: 'ignore' })
    const name = `lymph-try-${process.pid}`
    execFileSync('ip', ['netns', 'add', name], { stdio: 'ignore' })
    execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'no network namespace can be made here (iproute2 is missing, or the kernel forbids it)'
  }
}

export interface LabHost {
  name: string
  state: string
  namespace: string
  address: string
  /** Its cable, at the switch. */
  port: string
  up: ChildProcess | undefined
  said: string[]
}

export interface Semaphore {
  binary: string
  sha256?: string
  maxLfc?: number
}

export class Lab {
  readonly hosts: LabHost[] = []
  readonly #folder = mkdtempSync(join(tmpdir(), 'lymph-lab-'))
  readonly #tag = `ly${process.pid}`
  readonly #switch = `ly${process.pid}-hub`

  /** Namespaces and cables for hosts of these names. Nothing runs yet. */
  static make(names: string[]): Lab {
    const lab = new Lab()
    try {
      lab.#ip('netns', 'add', lab.#switch)
      lab.#in(lab.#switch, 'ip', 'link', 'add', 'hub', 'type', 'bridge')
      lab.#in(lab.#switch, 'ip', 'link', 'set', 'hub', 'up')
      for (const [i, name] of names.entries()) lab.#wire(name, i)
    } catch (error) {
      lab.#clear()
      throw error
    }
    return lab
  }

  host(name: string): LabHost {
    const found = this.hosts.find((host) => host.name === name)
    if (found === undefined) throw new Error(`the lab has no host ${name}`)
    return found
  }

  /** Starts `lymph up` in the host's namespace; resolves when it says that it is ready. */
  async up(host: LabHost, ...more: string[]): Promise<void> {
    host.said.length = 0
    const listen = `/ip4/${host.address}/tcp/7946`
    const args = [lymph, '--state', host.state, 'up', '--host', host.name, '--listen', listen, ...more]
    const child = spawn('ip', ['netns', 'exec', host.namespace, process.execPath, ...args])
    host.up = child
    await new Promise<void>((resolve, reject) => {
      const take = (chunk: Buffer) => {
        host.said.push(chunk.toString())
        if (host.said.length > 1000) host.said.shift()
        if (host.said.join('').split('\n').includes('ready')) resolve()
      }
      child.stdout.on('data', take)
      child.stderr.on('data', take)
      child.once('exit', (code) =>
        reject(new Error(`${host.name} ended with ${code}: ${host.said.join('')}`)),
      )
    })
  }

  /** A command of lymph on the host, its JSON. `input` goes to its standard input. */
  async ask<T>(host: LabHost, args: string[], input?: string): Promise<T> {
    const child = run(process.execPath, [lymph, '--state', host.state, '--json', ...args])
    if (input !== undefined) child.child.stdin?.end(input)
    const { stdout } = await child
    return JSON.parse(stdout) as T
  }

  /** The same as a person sees it. */
  async show(host: LabHost, args: string[]): Promise<string> {
    return (await run(process.execPath, [lymph, '--state', host.state, ...args])).stdout
  }

  /** The host's own detector reports an abnormal run of a binary, as `lymph watch` does. */
  async raise(host: LabHost, { binary, sha256 = 'ab'.repeat(32), maxLfc = 20 }: Semaphore): Promise<void> {
    const call = { current: 59, previous: [0, 1, 2, 3, 4], missing: 3, lfc: maxLfc, maxLfc }
    const line = JSON.stringify({ binary, sha256, abi: 'x86-64', window: 6, pid: 1, ...call })
    await new Promise<void>((resolve, reject) => {
      const socketPath = join(host.state, 'run/api.sock')
      const outgoing = request({ socketPath, method: 'POST', path: '/watch', agent: false }, (response) => {
        response.resume()
        response.on('end', () =>
          response.statusCode === 200 ? resolve() : reject(new Error(`status ${response.statusCode}`)),
        )
      })
      outgoing.on('error', reject)
      outgoing.end(line)
    })
  }

  /** Subjects of the warnings that stand on the host, each as often as it stands. */
  async warnings(host: LabHost): Promise<string[]> {
    const all = await this.ask<{ host: string; subject: string }[]>(host, ['warnings'])
    return all.map((warning) => `${warning.host}:${warning.subject}`).sort()
  }

  /** Calls `told` for every line of `lymph warnings --follow` until the end of the lab. */
  follow(host: LabHost, told: (warning: { subject: string; change?: string }) => void): ChildProcess {
    const child = spawn(process.execPath, [lymph, '--state', host.state, '--json', 'warnings', '--follow'])
    let rest = ''
    child.stdout.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n')
      rest = lines.pop() as string
      for (const line of lines) if (line !== '') told(JSON.parse(line))
    })
    this.#followers.push(child)
    return child
  }
  readonly #followers: ChildProcess[] = []

  /**
   * As behind a NAT of its own: the host listens on an address that no other has a route to (`inside` may be the same on several),
   * and reaches only those of the switch that are not hidden themselves.
   */
  hide(host: LabHost, inside: string): void {
    this.#in(this.#switch, 'ip', 'link', 'set', host.port, 'type', 'bridge_slave', 'isolated', 'on')
    this.#in(host.namespace, 'ip', 'address', 'add', `${inside}/32`, 'dev', 'lo')
    host.address = inside
  }

  /** The host has another address from now on, and not the one it had. */
  move(host: LabHost, to: string): void {
    this.#in(host.namespace, 'ip', 'address', 'del', `${host.address}/24`, 'dev', 'eth0')
    this.#in(host.namespace, 'ip', 'address', 'add', `${to}/24`, 'dev', 'eth0')
    host.address = to
  }

  /** What a command run in the host's namespace prints. */
  inside(host: LabHost, ...command: string[]): string {
    return execFileSync('ip', ['netns', 'exec', host.namespace, ...command], { encoding: 'utf8' })
  }

  cable(host: LabHost, state: 'up' | 'down'): void {
    this.#in(this.#switch, 'ip', 'link', 'set', host.port, state)
  }

  /** Ends what runs on the host. */
  async down({ up }: LabHost): Promise<void> {
    if (up === undefined || up.exitCode !== null || up.signalCode !== null) return
    up.removeAllListeners('exit')
    const late = setTimeout(() => up.kill('SIGKILL'), 10_000)
    const ended = new Promise((resolve) => up.once('exit', resolve))
    up.kill('SIGINT')
    await ended
    clearTimeout(late)
  }

  async end(): Promise<void> {
    for (const child of this.#followers) child.kill('SIGTERM')
    await Promise.all(this.hosts.map((host) => this.down(host)))
    this.#clear()
  }

  #wire(name: string, i: number): void {
    const namespace = `${this.#tag}-${name}`
    const address = `10.213.7.${i + 1}`
    const port = `port${i}`
    this.#ip('netns', 'add', namespace)
    const said: string[] = []
    this.hosts.push({ name, namespace, address, port, state: join(this.#folder, name), up: undefined, said })
    this.#in(
      this.#switch,
      'ip',
      'link',
      'add',
      port,
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'netns',
      namespace,
    )
    this.#in(this.#switch, 'ip', 'link', 'set', port, 'master', 'hub', 'up')
    this.#in(namespace, 'ip', 'address', 'add', `${address}/24`, 'dev', 'eth0')
    for (const link of ['lo', 'eth0']) this.#in(namespace, 'ip', 'link', 'set', link, 'up')
  }

  #ip(...args: string[]): void {
    execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  }

  #in(namespace: string, ...command: string[]): void {
    this.#ip('netns', 'exec', namespace, ...command)
  }

  #clear(): void {
    for (const namespace of [...this.hosts.map((host) => host.namespace), this.#switch])
      try {
        this.#ip('netns', 'del', namespace)
      } catch {
        // It was not made.
      }
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
