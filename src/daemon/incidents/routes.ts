/** Routes of incidents, tolerances and the journal (docs/reference/api.md). */
import type { Hono } from 'hono'
import { z } from 'zod'
import { decodeProfile, tableInForce } from '#homeostasis'
import { type Explanation, entrySchema, explainIncident, type Incident, isAbout } from '#incidents'
import { DaemonError } from '../errors.ts'
import type { Host } from '../host.ts'
import { bodyAs } from '../request.ts'

const by = z.string().min(1).max(200)
const shapes = {
  tolerate: z.object({
    until: z.number().int(),
    reason: z.string(),
    by,
    scope: z.enum(['evidence', 'binary']).default('evidence'),
    anyVersion: z.boolean().default(false),
  }),
  remove: z.object({ by }),
  /** What the agent and the command line tell of: what they did themselves. */
  records: z.object({
    records: z
      .array(
        entrySchema.refine(
          ({ kind }) => ['action', 'integrity', 'evidence'].includes(kind),
          'not for you to tell',
        ),
      )
      .max(1000),
  }),
}

export function incidentRoutes(api: Hono, host: Host): void {
  const { incidents, records: kept } = host
  const { tolerances } = kept
  const found = (id: string): Incident => {
    const incident = incidents.book.get(id)
    if (!incident) throw new DaemonError(`no incident is called "${id}": see lymph incident list`)
    return incident
  }
  api.get('/incidents', (c) => c.json(incidents.list()))
  api.get('/incidents/:id', (c) => c.json(found(c.req.param('id'))))
  api.post('/incidents/:id/resolve', async (c) => {
    const incident = incidents.resolve(c.req.param('id'))
    // Saved before the operator reads that it is done: what was real is not learned after a crash either.
    await host.detector?.confirm(incident)
    return c.json(incident)
  })
  api.get('/incidents/:id/explain', async (c) => c.json(await explain(host, found(c.req.param('id')))))
  api.post('/incidents/:id/tolerate', async (c) => {
    const incident = found(c.req.param('id'))
    const tolerance = await tolerances.add(incident, await bodyAs(c, shapes.tolerate))
    // What it held may be learned now, and nothing sooner that was confirmed.
    await host.detector?.tolerate(incident)
    incidents.keepHouse()
    return c.json(tolerance)
  })
  api.get('/tolerances', (c) => c.json(tolerances.list()))
  api.post('/tolerances/:id/remove', async (c) => {
    const removed = await tolerances.remove(c.req.param('id'), (await bodyAs(c, shapes.remove)).by)
    incidents.keepHouse()
    return c.json(removed)
  })
  api.get('/journal/head', (c) => c.json(kept.journal.head()))
  api.get('/journal/verify', async (c) => c.json(await kept.journal.verify()))
  api.post('/journal', async (c) => {
    const { records } = await bodyAs(c, shapes.records)
    for (const record of records) kept.journal.add(record)
    await kept.journal.flush()
    return c.json({ head: kept.journal.head() })
  })
}

async function explain(host: Host, incident: Incident): Promise<Explanation> {
  const { binary, abi, sha256, window } = incident
  const file = await host.operator.body({ binary, abi, sha256: sha256 || undefined, window })
  const row = host.operator
    .rows()
    .find((one) => one.binary === binary && one.abi === abi && one.window === window && one.sha256 === sha256)
  return explainIncident(incident, {
    table: file && tableInForce(decodeProfile(file)),
    profile: row && {
      ...{ state: row.state, calls: row.calls, pairs: row.pairs, quietCalls: row.sinceChange },
      ...{ response: row.response, toleratedUntil: row.toleratedUntil },
    },
    tolerance: host.records.tolerances.tolerated(incident),
    history: await host.records.journal.records((record) => isAbout(record, incident.id), 200),
  })
}
