import { z } from 'zod'
import { isSubject, subjectOf } from '#classes'
import { SLOTS } from '#homeostasis'
import { ABIS, type Abi } from '#syscalls'
import { higher } from './severity.ts'
import type { Incident } from './types.ts'

export const SEMAPHORE_KIND = 'ph_sequence_anomaly'
/** Pairs a semaphore names at most; the envelope it travels in has 8 KiB. */
export const SEMAPHORE_PAIRS = 64
/** Not more often than this, unless it became worse: the mesh takes 10 semaphores a minute from a host. */
const refreshMs = 30_000

/** What the mesh carries of an incident. Times in ms since the epoch, by the author's clock. */
export interface SemaphoreBody
  extends Pick<
    Incident,
    'sha256' | 'abi' | 'window' | 'severity' | 'anomalous' | 'maxLfc' | 'pairs' | 'firstSeen' | 'lastSeen'
  > {
  kind: typeof SEMAPHORE_KIND
  /** The binary, as `subjectOf` writes it. */
  subject: string
  /** Hashes of the pairs that too few hosts know, under the mesh's secret: 16 hex digits each. */
  unfamiliar?: string[] | undefined
}

export function toSemaphore(incident: Incident): SemaphoreBody {
  const { sha256, abi, window, severity, anomalous, maxLfc, firstSeen, lastSeen } = incident
  const unfamiliar = incident.familiarity?.unfamiliar ?? []
  return {
    kind: SEMAPHORE_KIND,
    subject: subjectOf(incident.binary),
    sha256,
    abi,
    window,
    severity,
    anomalous,
    maxLfc,
    pairs: incident.pairs.slice(0, SEMAPHORE_PAIRS),
    firstSeen,
    lastSeen,
    ...(unfamiliar.length > 0 ? { unfamiliar: unfamiliar.slice(0, SEMAPHORE_PAIRS) } : {}),
  }
}

/** The mesh's key of it: one semaphore a kind and binary. Well under the mesh's 256 bytes. */
export function semaphoreKey(body: Pick<SemaphoreBody, 'kind' | 'subject' | 'sha256' | 'abi'>): string {
  return `${body.kind}/${body.abi}/${body.sha256.slice(0, 16)}/${body.subject}`
}

/**
 * Whether to publish again: at once when it is new or worse; when it grew, every 30 s; in any case before half its
 * lifetime has gone.
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
  if ((body.unfamiliar?.length ?? 0) > 0 && !last.body.unfamiliar) return true
  const age = now - last.at
  if (age >= ttlMs / 2) return true
  return age >= refreshMs && body.anomalous !== last.body.anomalous
}

const count = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER)
const time = z.number().int().min(0).max(8.64e15)
const slot = z
  .number()
  .int()
  .min(0)
  .max(SLOTS - 1)

const schema = z
  .object({
    kind: z.literal(SEMAPHORE_KIND),
    subject: z.string().max(256).refine(isSubject, 'is no printable subject'),
    sha256: z.string().regex(/^([0-9a-f]{64})?$/),
    abi: z.enum(ABIS as [Abi, ...Abi[]]),
    window: z.number().int().min(2).max(9),
    severity: z.enum(['notice', 'incident', 'severe']),
    anomalous: count,
    maxLfc: z.number().int().min(0).max(128),
    pairs: z
      .array(z.object({ current: slot, previous: slot, distance: z.number().int().min(1).max(8) }))
      .max(SEMAPHORE_PAIRS),
    firstSeen: time,
    lastSeen: time,
    unfamiliar: z
      .array(z.string().regex(/^[0-9a-f]{16}$/))
      .max(SEMAPHORE_PAIRS)
      .optional(),
  })
  .refine(({ firstSeen, lastSeen }) => firstSeen <= lastSeen, 'lastSeen lies before firstSeen')
  .refine(
    ({ pairs, window }) => pairs.every(({ distance }) => distance < window),
    'a pair reaches beyond the window',
  )

/** What a peer said, if it is a semaphore; else why not. Nothing of it is trusted to be printable, small or true. */
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
