/** Semaphores whose subject is a binary: what the mesh carries of an incident. */
import { z } from 'zod'
import { isSubject, subjectOf } from '#classes'
import { SLOTS } from '#homeostasis'
import { ABIS, type Abi } from '#syscalls'
import { severities, time, timely } from './semaphore-parts.ts'
import type { Incident } from './types.ts'

export const SEMAPHORE_KIND = 'ph_sequence_anomaly'
/** Pairs a semaphore names at most; the envelope it travels in has 8 KiB. */
export const SEMAPHORE_PAIRS = 64

/** Times in ms since the epoch, by the author's clock. */
export interface BinarySemaphore
  extends Pick<
    Incident,
    'sha256' | 'abi' | 'window' | 'severity' | 'anomalous' | 'maxLfc' | 'pairs' | 'firstSeen' | 'lastSeen'
  > {
  about: 'binary'
  kind: typeof SEMAPHORE_KIND
  /** The binary, as `subjectOf` writes it. */
  subject: string
  /** Hashes of the pairs that too few hosts know, under the mesh's secret: 16 hex digits each. */
  unfamiliar?: string[] | undefined
}

export function toSemaphore(incident: Incident): BinarySemaphore {
  const { sha256, abi, window, severity, anomalous, maxLfc, firstSeen, lastSeen } = incident
  const unfamiliar = incident.familiarity?.unfamiliar ?? []
  return {
    about: 'binary',
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

const count = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER)
const slot = z
  .number()
  .int()
  .min(0)
  .max(SLOTS - 1)

export const binarySchema = z
  .object({
    about: z.literal('binary'),
    kind: z.literal(SEMAPHORE_KIND),
    subject: z.string().max(256).refine(isSubject, 'is no printable subject'),
    sha256: z.string().regex(/^([0-9a-f]{64})?$/),
    abi: z.enum(ABIS as [Abi, ...Abi[]]),
    window: z.number().int().min(2).max(9),
    severity: z.enum(severities),
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
  .refine(timely, 'lastSeen lies before firstSeen')
  .refine(
    ({ pairs, window }) => pairs.every(({ distance }) => distance < window),
    'a pair reaches beyond the window',
  )
