/** The local API (docs/reference/api.md): HTTP over a Unix socket. Whoever may open the socket may use it. */
import { rmSync } from 'node:fs'
import { createAdaptorServer } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { stream } from 'hono/streaming'
import { z } from 'zod'
import { agentRoutes } from './agent/routes.ts'
import { DaemonError, exitOf, oneLine } from './errors.ts'
import { fleetRoutes } from './fleet/routes.ts'
import type { Host } from './host.ts'
import { incidentRoutes } from './incidents/routes.ts'
import { operatorRoutes } from './mesh/routes.ts'
import { bodyAs } from './request.ts'
import { namedSettings } from './settings.ts'

const abi = z.enum(['x86-64', 'i386', 'arm64']).optional()
const program = {
  binary: z.string().min(1).max(4096),
  abi,
  sha256: z.string().max(64).optional(),
  window: z.number().int().min(2).max(9).optional(),
}

const shapes = {
  act: z.object({ ...program, verb: z.enum(['normalize', 'sensitize', 'tolerize', 'reset']) }),
  respond: z.object({ ...program, response: z.enum(['delay', 'ignore', 'default']) }),
  setting: z.object({ key: z.string(), value: z.union([z.string(), z.number()]) }),
  init: z.object({ name: z.string().optional() }),
  invite: z.object({
    name: z.string().optional(),
    ttlMs: z.number().int().positive().optional(),
    approve: z.boolean().optional(),
    tags: z.array(z.string().max(256)).max(64).optional(),
  }),
  join: z.object({ token: z.string(), name: z.string().optional() }),
  ping: z.object({ hosts: z.array(z.string()).default([]) }),
  acknowledge: z.object({ peer: z.string(), kind: z.string(), subject: z.string() }),
  watched: z.object({
    binary: z.string(),
    sha256: z.string(),
    abi: z.enum(['x86-64', 'i386', 'arm64']),
    window: z.number().int().min(2).max(9),
    pid: z.number().int(),
    current: z.number().int(),
    previous: z.array(z.number().int()).max(8),
    missing: z.number().int().min(0).max(255),
    lfc: z.number().int().min(0).max(128),
    maxLfc: z.number().int().min(0).max(128),
  }),
}

function followed(context: Context, values: (signal: AbortSignal) => AsyncGenerator<unknown>): Response {
  context.header('content-type', 'application/x-ndjson')
  return stream(context, async (out) => {
    const stop = new AbortController()
    out.onAbort(() => stop.abort())
    for await (const value of values(stop.signal)) await out.write(`${JSON.stringify(value)}\n`)
  })
}

/** Without the keys whose value is undefined: what other rooms' options ask for. */
function given<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
}

export function buildApi(host: Host): Hono {
  const api = new Hono()
  api.onError((error, context) => {
    const message = oneLine(error)
    return context.json({ error: { message, exit: exitOf(error) } }, error instanceof DaemonError ? 400 : 500)
  })
  api.notFound((context) =>
    context.json(
      {
        error: {
          message: `this daemon does not know ${context.req.path}: are its version and the command's the same?`,
          exit: 2,
        },
      },
      404,
    ),
  )
  localRoutes(api, host)
  incidentRoutes(api, host)
  meshRoutes(api, host)
  operatorRoutes(api, host.mesh)
  fleetRoutes(api, host.fleet)
  agentRoutes(api, host.agent)
  return api
}

function environmentOf(host: Host): NonNullable<Host['environment']> {
  if (host.environment) return host.environment
  throw new DaemonError('the environment is switched off: set environment.enabled in the config file', 4)
}

function localRoutes(api: Hono, host: Host): void {
  api.get('/status', (c) => c.json(host.status()))
  api.get('/processes', async (c) => c.json(await host.processes()))
  api.get('/profiles', (c) => c.json(host.operator.rows()))
  api.get('/profiles/body', async (c) => {
    const { binary, abi: named, sha256, window } = c.req.query()
    if (!binary) throw new DaemonError('binary is missing')
    const file = await host.operator.body({
      binary,
      abi: named,
      sha256,
      window: window ? Number(window) : undefined,
    })
    if (!file) throw new DaemonError(`no profile of "${binary}": see lymph profile list`, 1)
    return c.body(Buffer.from(file), 200, { 'content-type': 'application/octet-stream' })
  })
  api.post('/profiles/import', async (c) =>
    c.json(await host.operator.import(new Uint8Array(await c.req.arrayBuffer()), c.req.query('binary'))),
  )
  api.post('/profiles/act', async (c) => {
    const { verb, ...query } = await bodyAs(c, shapes.act)
    return c.json({ binary: query.binary, verb, profiles: await host.operator.act(query, verb) })
  })
  api.post('/profiles/respond', async (c) => {
    const { response, ...query } = await bodyAs(c, shapes.respond)
    await host.operator.respond(query, response === 'default' ? undefined : response)
    return c.json({ binary: query.binary, response })
  })
  api.get('/settings', (c) => c.json(namedSettings(host.settings)))
  api.post('/settings', async (c) => {
    const { key, value } = await bodyAs(c, shapes.setting)
    return c.json(await host.set(key, value))
  })
  api.get('/classes', (c) => c.json(host.classList()))
  api.get('/environment', (c) => c.json(environmentOf(host).rows()))
  api.get('/environment/week', (c) => c.json(environmentOf(host).week(c.req.query('name') ?? '')))
  api.get('/environment/reports', (c) => c.json(environmentOf(host).reports()))
  api.get('/environment/load', (c) => c.json(environmentOf(host).load()))
  api.get('/environment/hand-over', (c) => c.json(environmentOf(host).handOver()))
  api.get('/overhead', async (c) => c.json(await host.overhead()))
  api.get('/events/follow', (c) => followed(c, (signal) => host.followEvents.follow(signal)))
  api.post('/watch', async (c) => {
    const incidents = new Map<string, unknown>()
    for (const line of (await c.req.text()).split('\n')) {
      if (line.trim() === '') continue
      let value: unknown
      try {
        value = JSON.parse(line)
      } catch {
        throw new DaemonError('a line of the watch is no JSON')
      }
      const { binary, sha256, abi: of, window, ...anomaly } = shapes.watched.parse(value)
      const incident = host.incidents.observe(anomaly, { binary, sha256, abi: of, window })
      incidents.set(incident.id, incident)
    }
    return c.json({ incidents: [...incidents.values()] })
  })
}

function meshRoutes(api: Hono, host: Host): void {
  api.get('/warnings', (c) => c.json(host.mesh.warnings()))
  api.get('/warnings/follow', (c) =>
    followed(c, (signal) => host.followWarnings.follow(signal, host.mesh.warnings())),
  )
  api.post('/warnings/acknowledge', async (c) => {
    const { peer, kind, subject } = await bodyAs(c, shapes.acknowledge)
    return c.json({ acknowledged: await host.mesh.acknowledge(peer, kind, subject) })
  })
  api.post('/mesh/init', async (c) => c.json(await host.entry.init((await bodyAs(c, shapes.init)).name)))
  api.post('/mesh/invite', async (c) =>
    c.json(await host.mesh.mesh.invite(given(await bodyAs(c, shapes.invite)))),
  )
  api.post('/mesh/join', async (c) => {
    const { token, name } = await bodyAs(c, shapes.join)
    return c.json(await host.entry.join(token, name))
  })
  api.post('/mesh/ping', async (c) => c.json(await host.entry.ping((await bodyAs(c, shapes.ping)).hosts)))
  api.get('/mesh/members', (c) => c.json(host.mesh.memberLines()))
  api.get('/mesh/status', (c) => c.json(host.mesh.mesh.status()))
  api.post('/mesh/leave', async (c) => {
    await host.mesh.leave()
    return c.json({ left: true })
  })
}

/** Listens at a socket's path, 0600; a leftover of a dead daemon is removed (the store's lock has said that it is dead). */
export async function serveApi(host: Host, path: string): Promise<{ close: () => Promise<void> }> {
  rmSync(path, { force: true })
  const server = createAdaptorServer({ fetch: buildApi(host).fetch })
  const mask = process.umask(0o177)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
    })
  } finally {
    process.umask(mask)
  }
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        if ('closeAllConnections' in server) server.closeAllConnections()
      }),
  }
}
