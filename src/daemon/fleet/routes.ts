/** Routes of what is done with other hosts' profiles (docs/reference/api.md). */
import type { Hono } from 'hono'
import { z } from 'zod'
import { DaemonError } from '../errors.ts'
import { bodyAs } from '../request.ts'
import type { FleetLink } from './link.ts'

const shapes = {
  ask: z.object({ what: z.string().min(1).max(4096) }),
  adopt: z.object({
    binary: z.string().min(1).max(4096),
    from: z.array(z.string().min(1).max(128)).max(256).default([]),
  }),
  carryOut: z.object({ plan: z.string().regex(/^[0-9a-f]{8}$/, 'a plan is named by 8 letters and digits') }),
}

export function fleetRoutes(api: Hono, fleet: FleetLink): void {
  api.get('/fleet/binaries', async (c) => c.json(await fleet.binaries()))
  api.get('/fleet/compare', async (c) => {
    const { binary, exact } = c.req.query()
    const how = exact === undefined ? undefined : exact === 'true'
    return c.json(await fleet.compare(named(binary), c.req.queries('host') ?? [], how))
  })
  api.get('/fleet/changes', (c) => c.json(fleet.upgrades.list()))
  api.post('/fleet/changes/:id/acknowledge', async (c) =>
    c.json(await fleet.upgrades.acknowledge(c.req.param('id'))),
  )
  api.post('/fleet/ask', async (c) => {
    const { what } = await bodyAs(c, shapes.ask)
    return c.json(await fleet.asking.askOf(what))
  })
  api.post('/fleet/adopt', async (c) => {
    const { binary, from } = await bodyAs(c, shapes.adopt)
    return c.json(await fleet.adopting.plan(binary, from))
  })
  api.post('/fleet/adopt/carry-out', async (c) =>
    c.json(await fleet.adopting.carryOut((await bodyAs(c, shapes.carryOut)).plan)),
  )
  api.get('/fleet/adopted', (c) => c.json(fleet.adopting.list()))
  api.get('/fleet/outliers', async (c) =>
    c.json(await fleet.reporting.outliers(named(c.req.query('binary')))),
  )
  api.get('/fleet/report', async (c) => c.json(await fleet.reporting.binary(named(c.req.query('binary')))))
  api.get('/fleet/report/hosts', async (c) => c.json(await fleet.reporting.hosts()))
}

function named(binary: string | undefined): string {
  if (!binary) throw new DaemonError('binary is missing')
  return binary
}
