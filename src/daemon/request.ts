/** What a request's body holds: bounded, JSON, of the shape its route wants. */
import type { Context } from 'hono'
import type { z } from 'zod'
import { DaemonError } from './errors.ts'

const bodyLimitBytes = 16 * 1024 * 1024

/** @throws DaemonError for a body that is too large or no JSON; an empty one is an empty object */
export async function jsonOf(context: Context): Promise<unknown> {
  const text = await context.req.text()
  if (text.length > bodyLimitBytes) throw new DaemonError('the request is too large')
  try {
    return text === '' ? {} : JSON.parse(text)
  } catch {
    throw new DaemonError('the request is no JSON')
  }
}

/** The body as a shape wants it, without the keys that are absent. */
export async function bodyAs<Shape extends z.ZodType>(
  context: Context,
  shape: Shape,
): Promise<z.output<Shape>> {
  const parsed = shape.safeParse(await jsonOf(context))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new DaemonError(`${issue?.path.join('.') || 'request'}: ${issue?.message}`)
}
