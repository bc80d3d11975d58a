/** Routes of what is done with other hosts' profiles (docs/reference/api.md). */
import type { Hono } from 'hono'
import { z } from 'zod'
import { DaemonError } from './errors.ts'
import type { FleetLink } from './fleet-link.ts'
import { bodyAs } from './request.ts'

const shapes = {
  ask: z.object({ what: z.string().min(1).max(4096) }),
}

export function fleetRoutes(api: Hono, fleet: FleetLink): void {
  api.get('/fleet/binaries', (c) => c.json(fleet.binaries()))
  api.get('/fleet/compare', async (c) => {
    const { binary, exact } = c.req.query()
    if (!binary) throw new DaemonError('binary is missing')
    const how = exact === undefined ? undefined : exact === 'true'
    return c.json(await fleet.compare(binary, c.req.queries('host') ?? [], how))
  })
  api.get('/fleet/changes', (c) => c.json(fleet.upgrades.list()))
  api.post('/fleet/changes/:id/acknowledge', async (c) =>
    c.json(await fleet.upgrades.acknowledge(c.req.param('id'))),
  )
  api.post('/fleet/ask', async (c) => {
    const { what } = await bodyAs(c, shapes.ask)
    return c.json(await fleet.asking.askOf(what))
  })
}
