/** Runs the real entry as a process, and a daemon that answers with what a test says. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const main = new URL('../../src/cli/main.ts', import.meta.url).pathname

export interface Ended {
  code: number | null
  out: string
  err: string
}

export interface RunOptions {
  input?: string
  env?: Record<string, string>
  uid?: number
  cwd?: string
  /** Called with each piece of standard output; `end` sends SIGINT. */
  onOutput?: (soFar: string, end: () => void) => void
}

export function lymph(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { promise, resolve, reject } = Promise.withResolvers<Ended>()
  const { NO_COLOR: _, FORCE_COLOR: __, ...environment } = process.env
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args], {
    env: { ...environment, ...options.env },
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
    options.onOutput?.(out, () => child.kill('SIGINT'))
  })
  child.stderr.on('data', (chunk) => {
    err += chunk
  })
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  child.on('error', reject)
  child.on('close', (code) => resolve({ code, out, err }))
  return promise
}

type Answer = (body: Buffer, query: URLSearchParams) => unknown

export interface Request {
  method: string
  path: string
  query: string
  body: string
}

/** An answer that is not 200 with JSON. */
export class Raw {
  readonly status: number
  readonly body: string | Uint8Array
  constructor(status: number, body: string | Uint8Array) {
    this.status = status
    this.body = body
  }
}

/** Lines of JSON, then either left open or closed. */
export class Stream {
  readonly lines: unknown[]
  readonly closes: boolean
  constructor(lines: unknown[], closes = false) {
    this.lines = lines
    this.closes = closes
  }
}

export interface FakeDaemon extends AsyncDisposable {
  state: string
  requests: Request[]
}

/** @param routes by `GET /path`: a value, or what makes one of the request */
export async function fakeDaemon(routes: Record<string, unknown>, folder?: string): Promise<FakeDaemon> {
  const made = mkdtempSync(join(tmpdir(), 'lymph-cli-'))
  const state = folder ? join(made, folder) : made
  mkdirSync(join(state, 'run'), { recursive: true })
  const requests: Request[] = []
  const server = createServer((request, response) => {
    void answer(request, response, routes, requests)
  })
  // A long path is bound as the client reaches it: from inside its folder.
  const cwd = process.cwd()
  process.chdir(join(state, 'run'))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen('api.sock', resolve)
  })
  process.chdir(cwd)
  return {
    state,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      rmSync(made, { recursive: true, force: true })
    },
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  routes: Record<string, unknown>,
  requests: Request[],
): Promise<void> {
  const { method = '', url = '' } = request
  const { pathname, searchParams } = new URL(url, 'http://lymph')
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  requests.push({ method, path: pathname, query: searchParams.toString(), body: body.toString() })
  const route = routes[`${method} ${decodeURIComponent(pathname)}`]
  const value = typeof route === 'function' ? await (route as Answer)(body, searchParams) : route
  if (value === undefined) {
    response.writeHead(404).end(JSON.stringify({ error: { message: `nothing at ${pathname}`, exit: 2 } }))
  } else if (value instanceof Raw) response.writeHead(value.status).end(value.body)
  else if (value instanceof Stream) {
    response.writeHead(200)
    for (const line of value.lines) response.write(`${JSON.stringify(line)}\n`)
    if (value.closes) response.end()
  } else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

/** A state folder with no daemon in it. */
export function emptyState(): { state: string } & Disposable {
  const state = mkdtempSync(join(tmpdir(), 'lymph-cli-'))
  return { state, [Symbol.dispose]: () => rmSync(state, { recursive: true, force: true }) }
}
