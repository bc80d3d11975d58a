/** Semaphores whose subject is the host itself: what makes its word, or its watch, worth less. */
import { z } from 'zod'
import { isSubject } from '#classes'
import { severities, time, timely } from './semaphore-parts.ts'
import type { Severity } from './types.ts'

/** What a host says of itself; that one is silent (`member_silent`) those say who miss it. */
export const HOST_KINDS = ['sensor_gap', 'disk_full', 'clock_off', 'certificate_ending'] as const
export type HostKind = (typeof HOST_KINDS)[number]

/** Times in ms since the epoch, by the author's clock. */
export interface HostSemaphore {
  about: 'host'
  kind: HostKind
  /** The host's name. */
  subject: string
  severity: Severity
  /** One printable line: how much, and of what. */
  detail: string
  firstSeen: number
  lastSeen: number
}

export const hostSchema = z
  .strictObject({
    about: z.literal('host'),
    kind: z.enum(HOST_KINDS),
    subject: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'is no name of a host'),
    severity: z.enum(severities),
    detail: z.string().max(200).refine(isSubject, 'is no printable line'),
    firstSeen: time,
    lastSeen: time,
  })
  .refine(timely, 'lastSeen lies before firstSeen')
