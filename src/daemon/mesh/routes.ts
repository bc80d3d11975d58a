/** Routes of what an operator does to the mesh (docs/reference/api.md). Each is a method of `Mesh.operator`. */
import type { Hono } from 'hono'
import { z } from 'zod'
import type { Operator } from '#mesh'
import { DaemonError } from '../errors.ts'
import { jsonOf } from '../request.ts'
import type { MeshLink } from './link.ts'

const key = z
  .string()
  .regex(/^[0-9a-f]{16}$/, 'a key is named by 16 letters and digits: lymph mesh keys list')
const shapes = {
  revoke: z.object({ who: z.string().min(1).max(128), reason: z.string().max(256).default('') }),
  use: z.object({ id: key, force: z.boolean().default(false) }),
  remove: z.object({ id: key, atOnce: z.boolean().default(false) }),
  issuer: z.object({ passphrase: z.string().max(256) }),
  approve: z.object({ fingerprint: z.string().max(64) }),
  warning: z.object({ peer: z.string(), kind: z.string(), subject: z.string() }),
}

/** What needs a mesh throws where this host is in none. */
export function operatorRoutes(api: Hono, link: MeshLink): void {
  const operator = (): Operator => link.mesh.operator
  const post = <Shape extends z.ZodType>(
    path: string,
    shape: Shape,
    act: (asked: z.output<Shape>) => unknown,
  ) =>
    api.post(path, async (context) => {
      const parsed = shape.safeParse(await jsonOf(context))
      if (!parsed.success)
        throw new DaemonError(parsed.error.issues[0]?.message ?? 'the request is not understood')
      return context.json(await act(parsed.data))
    })
  post('/mesh/revoke', shapes.revoke, ({ who, reason }) => operator().revoke(who, reason))
  api.get('/mesh/keys', (c) => c.json(operator().keys()))
  post('/mesh/keys/install', z.object({}), () => operator().installKey())
  post('/mesh/keys/use', shapes.use, ({ id, force }) => operator().useKey(id, force))
  post('/mesh/keys/remove', shapes.remove, ({ id, atOnce }) => operator().removeKey(id, atOnce))
  post('/mesh/renew', z.object({}), async () => ({ expires: await operator().renew() }))
  post('/mesh/renew/issuer', shapes.issuer, ({ passphrase }) => ({
    expires: operator().renewIssuer(passphrase),
  }))
  api.get('/mesh/applications', (c) => c.json(operator().applications()))
  post('/warnings/clear', shapes.warning, async ({ peer, kind, subject }) => ({
    cleared: await link.dismiss(peer, kind, subject),
  }))
  post('/mesh/approve', shapes.approve, ({ fingerprint }) => operator().approve(fingerprint))
}
