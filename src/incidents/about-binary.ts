/** Semaphores whose subject is a binary: what the mesh carries of an incident. */
import { z } from 'zod'
import { isSubject, subjectOf } from '#classes'
import { SLOTS } from '#homeostasis'
import { ABIS, type Abi } from '#syscalls'
import { severities, time, timely } from './semaphore-parts.ts'
import type { Incident } from './types.ts'

/** pH found calls that the program never made so; whatever the judgement makes of them. */
export const SEMAPHORE_KIND = 'ph_sequence_anomaly'
/** The judgement alone: pH found nothing in it. */
export const JUDGEMENT_KIND = 'ph_judgement_anomaly'
/** Pairs a semaphore names at most; the envelope it travels in has 8 KiB. */
export const SEMAPHORE_PAIRS = 64

/** Times in ms since the epoch, by the author's clock. */
export interface BinarySemaphore
  extends Pick<
    Incident,
    'sha256' | 'abi' | 'window' | 'severity' | 'anomalous' | 'maxLfc' | 'pairs' | 'firstSeen' | 'lastSeen'
  > {
  about: 'binary'
  kind: typeof SEMAPHORE_KIND | typeof JUDGEMENT_KIND
  /** The binary, as `subjectOf` writes it. */
  subject: string
  /** How surprising its oddest process is, where it was judged; always so of `JUDGEMENT_KIND`. */
  bits?: number | undefined
  /** Hashes of the pairs that too few hosts know, under the mesh's secret: 16 hex digits each. */
  unfamiliar?: string[] | undefined
}

/** Whether there is anything to tell of: calls that pH found, or bits. */
export const isTellable = ({ anomalous, bits }: Pick<Incident, 'anomalous' | 'bits'>): boolean =>
  anomalous > 0 || (bits !== null && bits > 0)

/** Of an incident that `isTellable`. */
export function toSemaphore(incident: Incident): BinarySemaphore {
  const { sha256, abi, window, severity, anomalous, maxLfc, firstSeen, lastSeen, bits } = incident
  const unfamiliar = incident.familiarity?.unfamiliar ?? []
  return {
    about: 'binary',
    kind: anomalous > 0 ? SEMAPHORE_KIND : JUDGEMENT_KIND,
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
    ...(bits !== null && bits > 0 ? { bits: Math.min(bits, BITS_MOST) } : {}),
    ...(unfamiliar.length > 0 ? { unfamiliar: unfamiliar.slice(0, SEMAPHORE_PAIRS) } : {}),
  }
}

/** Bits beyond which nothing is told apart. */
const BITS_MOST = 10_000
const slot = z
  .number()
  .int()
  .min(0)
  .max(SLOTS - 1)

export const binarySchema = z
  .object({
    about: z.literal('binary'),
    kind: z.enum([SEMAPHORE_KIND, JUDGEMENT_KIND]),
    subject: z.string().max(256).refine(isSubject, 'is no printable subject'),
    sha256: z.string().regex(/^([0-9a-f]{64})?$/),
    abi: z.enum(ABIS as [Abi, ...Abi[]]),
    window: z.number().int().min(2).max(9),
    severity: z.enum(severities),
    anomalous: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
    maxLfc: z.number().int().min(0).max(128),
    pairs: z
      .array(z.object({ current: slot, previous: slot, distance: z.number().int().min(1).max(8) }))
      .max(SEMAPHORE_PAIRS),
    firstSeen: time,
    lastSeen: time,
    bits: z.number().positive().max(BITS_MOST).optional(),
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
  .refine(
    ({ kind, anomalous }) => anomalous > 0 === (kind === SEMAPHORE_KIND),
    'the kind is another where there are no anomalous calls',
  )
  .refine(
    ({ kind, bits, pairs, maxLfc, unfamiliar }) =>
      kind === SEMAPHORE_KIND ||
      (bits !== undefined && pairs.length === 0 && maxLfc === 0 && unfamiliar === undefined),
    'the judgement alone has bits, and nothing of what pH finds',
  )
