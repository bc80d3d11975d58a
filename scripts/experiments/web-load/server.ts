/** The web server under load: Debian's nginx with a configuration, pages and logs of its own in a temporary folder. */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Child } from './child.ts'
import type { Page } from './curve.ts'
import { ExperimentError, lineOf } from './errors.ts'

const installed = '/usr/sbin/nginx'
const installer = fileURLToPath(new URL('install-nginx', import.meta.url))
const workers = 2
const startMs = 10_000
const stopMs = 5000

/** What visitors ask for: mostly a small page, now and then something larger, or what is not there. */
export const pages: readonly Page[] = [
  { path: '/', share: 0.6, status: 200 },
  { path: '/style.css', share: 0.2, status: 200 },
  { path: '/image.bin', share: 0.15, status: 200 },
  { path: '/missing', share: 0.05, status: 404 },
]
const files = { 'index.html': 2000, 'style.css': 12_000, 'image.bin': 60_000 }

/**
 * Installs nginx where it is missing.
 * @returns the path of the executable, as the kernel has it
 * @throws ExperimentError
 */
export function nginxBinary(): string {
  if (!existsSync(installed)) spawnSync(installer, [], { stdio: ['ignore', 'inherit', 'inherit'] })
  if (existsSync(installed)) return realpathSync(installed)
  throw new ExperimentError(
    `no nginx: ${installed} is missing and could not be installed: see above, or install Debian's package nginx`,
  )
}

/** `nginx/1.22.1` */
export function nginxVersion(binary: string): string {
  const { stderr } = spawnSync(binary, ['-v'], { encoding: 'utf8' })
  return /nginx\/\S+/.exec(stderr)?.[0] ?? 'nginx'
}

/**
 * A port of 127.0.0.1 that nobody listens at.
 * @param wanted this one and no other
 * @throws ExperimentError where that one is taken
 */
export async function freePort(wanted?: number): Promise<number> {
  const probe = createServer()
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  probe.once('error', (error: NodeJS.ErrnoException) =>
    reject(
      new ExperimentError(
        error.code === 'EADDRINUSE'
          ? `127.0.0.1:${wanted} is in use: name another --port, or none for one that is free`
          : `127.0.0.1:${wanted ?? 0} cannot be listened at (${error.code ?? lineOf(error)}): name another --port`,
      ),
    ),
  )
  probe.listen({ port: wanted ?? 0, host: '127.0.0.1', exclusive: true }, () => {
    const address = probe.address()
    probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
  })
  return promise
}

/** One that logs each request, keeps connections open, and reads nothing outside its folder. */
export function nginxConfig(folder: string, port: number, user: string | undefined): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `${user === undefined ? '' : `user ${user};\n`}daemon off;
worker_processes ${workers};
pid "${folder}/nginx.pid";
error_log stderr error;
events { worker_connections 1024; }
http {
  access_log "${folder}/access.log";
  log_not_found off;
  types { text/html html; text/css css; application/octet-stream bin; }
  sendfile on;
  tcp_nopush on;
  keepalive_timeout 1h;
  keepalive_requests 100000000;
${temporary.map((name) => `  ${name}_temp_path "${folder}/${name}";`).join('\n')}
  server {
    listen 127.0.0.1:${port};
    root "${folder}/pages";
  }
}
`
}

export class WebServer {
  readonly #child: Child

  private constructor(child: Child) {
    this.#child = child
  }

  /**
   * @param folder an empty one that everybody may enter
   * @param keep takes what has to be stopped, as soon as there is something
   * @throws ExperimentError
   */
  static async start(
    binary: string,
    port: number,
    folder: string,
    { keep, signal, onDeath }: Surroundings,
  ): Promise<WebServer> {
    mkdirSync(join(folder, 'pages'), { recursive: true })
    chmodSync(folder, 0o755)
    for (const [name, bytes] of Object.entries(files))
      writeFileSync(join(folder, 'pages', name), 'lymph '.repeat(bytes).slice(0, bytes))
    const config = join(folder, 'nginx.conf')
    const user = hasUser('www-data') ? 'www-data' : undefined
    writeFileSync(config, nginxConfig(folder, port, user))
    const child = new Child('nginx', binary, ['-e', 'stderr', '-p', folder, '-c', config], onDeath)
    keep(() => child.stop(stopMs))
    const server = new WebServer(child)
    const end = Date.now() + startMs
    while (!(await answers(port)) || server.pids().length <= workers) {
      if (Date.now() > end) throw new ExperimentError(`nginx does not answer at 127.0.0.1:${port}`)
      await sleep(50, undefined, { signal })
    }
    return server
  }

  /** Its master and its workers. */
  pids(): number[] {
    const { pid } = this.#child
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')
    return [pid, ...children.split(' ').filter(Boolean).map(Number)]
  }
}

/** What a part of the experiment is given. */
export interface Surroundings {
  /** Takes what has to be stopped at the end. */
  keep: (stop: () => Promise<void>) => void
  /** The end of the experiment. */
  signal: AbortSignal
  onDeath: (error: ExperimentError) => void
}

function hasUser(name: string): boolean {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .some((line) => line.startsWith(`${name}:`))
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path: '/', agent: false, timeout: 1000 }, (response) => {
      response.resume().on('close', () => resolve(response.statusCode === 200))
    })
    request.on('timeout', () => request.destroy())
    request.on('error', () => resolve(false))
  })
}
