/**
 * What a host says to the mesh: state, raised, refreshed and cleared. Its subject is a binary, the file of one, an observable or
 * the host. Nothing that came from a peer is trusted to be printable, small or true.
 */
import { z } from 'zod'
import { type BinarySemaphore, binarySchema } from './about-binary.ts'
import { type FileSemaphore, fileSchema } from './about-file.ts'
import { type HostSemaphore, hostSchema } from './about-host.ts'
import { type ObservableSemaphore, observableSchema, sideOf } from './about-observable.ts'
import { higher } from './severity.ts'

export type SemaphoreBody = BinarySemaphore | FileSemaphore | ObservableSemaphore | HostSemaphore
export type About = SemaphoreBody['about']

/** Not more often than this, unless it became worse: the mesh takes 10 semaphores a minute from a host. ms */
const refreshMs: Record<About, number> = { binary: 30_000, file: 30_000, observable: 300_000, host: 300_000 }

/** The mesh's key of it: one semaphore a binary, a file, an observable, a kind of trouble. Well under the mesh's 256 bytes. */
export function semaphoreKey(body: SemaphoreBody): string {
  if (body.about === 'observable') return `observable/${body.subject}`
  if (body.about === 'host') return `host/${body.kind}`
  if (body.about === 'file') return `${body.kind}/${body.abi}/${body.subject}`
  return `${body.kind}/${body.abi}/${body.sha256.slice(0, 16)}/${body.subject}`
}

/** What two hosts mean the same by; nothing while it is not known (a file whose hash is missing). */
export function contentOf(body: SemaphoreBody): string | undefined {
  if (body.about === 'observable') return sideOf(body.kind)
  if (body.about === 'host') return body.kind
  return body.sha256 === '' ? undefined : `${body.kind}/${body.sha256}`
}

/**
 * Whether to publish again: at once when it is new or worse; when it changed, every 30 s (observables and hosts: 5 min); in any
 * case before half its lifetime has gone.
 * @param last what was published last, and when
 */
export function refreshDue(
  last: { body: SemaphoreBody; at: number } | undefined,
  body: SemaphoreBody,
  ttlMs: number,
  now: number,
): boolean {
  if (!last || higher(body.severity, last.body.severity)) return true
  // What the fleet does not know came after the first word: others look for it.
  if (unfamiliarOf(body) > 0 && unfamiliarOf(last.body) === 0) return true
  const age = now - last.at
  if (age >= ttlMs / 2) return true
  return age >= refreshMs[body.about] && figureOf(body) !== figureOf(last.body)
}

const unfamiliarOf = (body: SemaphoreBody): number =>
  body.about === 'binary' ? (body.unfamiliar?.length ?? 0) : 0

function figureOf(body: SemaphoreBody): string {
  if (body.about === 'binary') return `${body.anomalous} ${body.bits ?? 0}`
  if (body.about === 'file') return body.sha256
  return body.about === 'host' ? body.detail : `${body.kind} ${body.value}`
}

const schema = z.preprocess(
  // Before there were others, a semaphore was about a binary and did not say so.
  (said) => (isObject(said) && said.about === undefined ? { about: 'binary', ...said } : said),
  z.discriminatedUnion('about', [binarySchema, fileSchema, observableSchema, hostSchema]),
)

const isObject = (said: unknown): said is Record<string, unknown> =>
  typeof said === 'object' && said !== null && !Array.isArray(said)

/** What a peer said, if it is a semaphore; else why not. */
export function readSemaphore(
  said: unknown,
): { ok: true; body: SemaphoreBody } | { ok: false; reason: string } {
  const parsed = schema.safeParse(said)
  if (parsed.success) return { ok: true, body: parsed.data }
  const first = parsed.error.issues[0]
  return {
    ok: false,
    reason: `${first?.path.join('.') || 'body'}: ${first?.message ?? 'invalid'}`.slice(0, 200),
  }
}
