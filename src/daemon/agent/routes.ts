/** What an agent run asks the daemon for (docs/reference/api.md). */
import type { Hono } from 'hono'
import { z } from 'zod'
import { DaemonError } from '../errors.ts'
import { bodyAs } from '../request.ts'
import type { AgentLink } from './link.ts'

const path = z.string().startsWith('/').max(4096)

const shapes = {
  run: z.object({
    id: z.string().regex(/^[0-9a-f]{8}$/),
    state: z.enum(['alive', 'over']),
    dealt: z.array(z.string().max(128)).max(1000).default([]),
    upTo: z.number().default(0),
    report: z.record(z.string(), z.unknown()).optional(),
  }),
  delay: z.object({
    binary: path,
    unitMs: z.number().min(1).max(60_000).nullable(),
    untilMs: z.number(),
    run: z.string().max(8).optional(),
  }),
  report: z.object({
    text: z.string().min(1).max(16_384),
    priority: z.string().max(16).optional(),
    url: z.string().max(4096).optional(),
  }),
}

export function agentRoutes(api: Hono, agent: AgentLink): void {
  api.get('/agent/facts', (c) => c.json(agent.facts() as object))
  api.get('/agent/status', (c) => c.json(agent.status()))
  api.get('/agent/response', (c) => {
    const binary = c.req.query('binary')
    if (!binary) throw new DaemonError('binary is missing')
    return c.json({ binary, said: agent.said(binary) })
  })
  api.post('/agent/run', async (c) => c.json(await agent.run(await bodyAs(c, shapes.run))))
  api.post('/agent/delay', async (c) => {
    const { binary, unitMs, untilMs, run } = await bodyAs(c, shapes.delay)
    return c.json(await agent.delay(binary, unitMs ?? undefined, untilMs, run))
  })
  api.post('/agent/report', async (c) => {
    const { text, ...way } = await bodyAs(c, shapes.report)
    agent.report(text, way)
    return c.json({ taken: true })
  })
}
