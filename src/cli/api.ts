/** Client of the daemon's API: HTTP over the Unix socket of the state folder (docs/reference/api.md). */
import { closeSync, constants, openSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { basename, dirname } from 'node:path'
import { CommandError, exitCodes, reasonOf } from './errors.ts'

type Query = Record<string, string | number | readonly string[] | undefined>

interface Call {
  method: 'GET' | 'POST'
  path: string
  query?: Query
  body?: Uint8Array | string
  type?: string
  /** How long the daemon may be silent. */
  timeoutMs?: number
}

/** sockaddr_un has room for 107 bytes and a zero. */
const socketPathBytes = 107
const answerTimeoutMs = 30_000

export class Api {
  readonly socket: string

  constructor(socket: string) {
    this.socket = socket
  }

  async get<T>(path: string, query: Query = {}, timeoutMs = answerTimeoutMs): Promise<T> {
    return this.#json(await this.#call({ method: 'GET', path, query, timeoutMs }))
  }

  async post<T>(path: string, body: unknown = {}, timeoutMs = answerTimeoutMs): Promise<T> {
    const type = 'application/json'
    return this.#json(await this.#call({ method: 'POST', path, body: JSON.stringify(body), type, timeoutMs }))
  }

  async getBytes(path: string, query: Query = {}): Promise<Uint8Array> {
    return await this.#collect(await this.#call({ method: 'GET', path, query }))
  }

  async postBytes<T>(
    path: string,
    body: Uint8Array,
    query: Query = {},
    type = 'application/octet-stream',
  ): Promise<T> {
    return this.#json(await this.#call({ method: 'POST', path, query, body, type }))
  }

  /** JSON lines as they come, until the daemon closes or `signal` says enough. */
  async *follow<T>(path: string, signal?: AbortSignal): AsyncGenerator<T> {
    const response = await this.#call({ method: 'GET', path, timeoutMs: 0 })
    signal?.addEventListener('abort', () => response.destroy(), { once: true })
    let rest = ''
    try {
      response.setEncoding('utf8')
      for await (const chunk of response) {
        const lines = (rest + chunk).split('\n')
        rest = lines.pop() as string
        for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as T
      }
    } catch (error) {
      if (signal?.aborted) return
      throw this.#gone(error)
    } finally {
      response.destroy()
    }
    if (!signal?.aborted)
      throw new CommandError(
        `the daemon at ${this.socket} stopped: \`lymph status\` tells when it is back`,
        exitCodes.noDaemon,
      )
  }

  async #json<T>(response: IncomingMessage): Promise<T> {
    const text = new TextDecoder().decode(await this.#collect(response))
    if (text.trim() === '') return undefined as T
    try {
      return JSON.parse(text) as T
    } catch {
      throw new CommandError(
        `what listens at ${this.socket} answered something that is not JSON: is it this version's daemon?`,
        exitCodes.noDaemon,
      )
    }
  }

  /** Resolves with a response of status 2xx; everything else is thrown as the daemon worded it. */
  async #call(call: Call): Promise<IncomingMessage> {
    const response = await this.#connect(call)
    const status = response.statusCode ?? 0
    if (status >= 200 && status < 300) return response
    const text = new TextDecoder().decode(await this.#collect(response))
    let error: { message?: string; exit?: number } | undefined
    try {
      error = (JSON.parse(text) as { error?: { message?: string; exit?: number } }).error
    } catch {
      // Not one of the daemon's own: said below with its status.
    }
    throw new CommandError(
      error?.message ?? `the daemon refused ${call.method} ${call.path} with status ${status}`,
      error?.exit ?? exitCodes.usage,
    )
  }

  #connect(call: Call): Promise<IncomingMessage> {
    const { method, query = {}, body, type, timeoutMs = answerTimeoutMs } = call
    const search = new URLSearchParams()
    for (const [name, value] of Object.entries(query))
      for (const one of Array.isArray(value) ? value : value === undefined ? [] : [value])
        search.append(name, String(one))
    const path = search.size > 0 ? `${call.path}?${search}` : call.path
    const headers: Record<string, string | number> = { host: 'lymph' }
    if (body !== undefined) headers['content-length'] = Buffer.byteLength(body)
    if (type) headers['content-type'] = type

    return new Promise((resolve, reject) => {
      let short: { path: string; close(): void }
      try {
        short = reachable(this.socket)
      } catch (error) {
        reject(this.#absent(error))
        return
      }
      const outgoing = request(
        { socketPath: short.path, method, path, headers, agent: false },
        (response) => {
          short.close()
          resolve(response)
        },
      )
      outgoing.on('error', (error) => {
        short.close()
        reject(error instanceof CommandError ? error : this.#absent(error))
      })
      if (timeoutMs > 0)
        outgoing.setTimeout(timeoutMs, () =>
          outgoing.destroy(
            new CommandError(
              `the daemon at ${this.socket} has not answered for ${timeoutMs / 1000} s: look at its messages, or restart \`lymph up\``,
              exitCodes.noDaemon,
            ),
          ),
        )
      outgoing.end(body)
    })
  }

  async #collect(response: IncomingMessage): Promise<Uint8Array> {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of response) chunks.push(chunk as Buffer)
    } catch (error) {
      throw this.#gone(error)
    }
    return new Uint8Array(Buffer.concat(chunks))
  }

  #gone(error: unknown): CommandError {
    if (error instanceof CommandError) return error
    return new CommandError(
      `the daemon at ${this.socket} went away (${reasonOf(error)}): \`lymph status\` tells when it is back`,
      exitCodes.noDaemon,
    )
  }

  #absent(error: unknown): CommandError {
    const { code } = error as NodeJS.ErrnoException
    const message =
      code === 'EACCES' || code === 'EPERM'
        ? `permission denied at ${this.socket}: run this as root or as the user the daemon runs as, or name your own host with --state DIR`
        : code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR'
          ? `no daemon answers at ${this.socket}: start it with \`lymph up\``
          : `no daemon answers at ${this.socket} (${reasonOf(error)}): start it with \`lymph up\``
    return new CommandError(message, exitCodes.noDaemon, { cause: error })
  }
}

/** Whether a call failed because no daemon is there at all: what needs none may go on. */
export function isAbsent(error: unknown): boolean {
  if (!(error instanceof CommandError) || error.exit !== exitCodes.noDaemon) return false
  const { code } = (error.cause ?? {}) as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR'
}

/** A path to the socket that fits into an address: a long one is reached through an open descriptor of its folder. */
function reachable(socket: string): { path: string; close(): void } {
  if (Buffer.byteLength(socket) <= socketPathBytes) return { path: socket, close: () => {} }
  const folder = openSync(dirname(socket), constants.O_RDONLY | constants.O_DIRECTORY)
  let open = true
  return {
    path: `/proc/self/fd/${folder}/${basename(socket)}`,
    close: () => {
      if (open) closeSync(folder)
      open = false
    },
  }
}
