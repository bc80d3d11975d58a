/** Semaphores whose subject is the file of a program: it is another one now, and no package manager put it there. */
import { z } from 'zod'
import { isSubject, subjectOf } from '#classes'
import { ABIS, type Abi } from '#syscalls'
import { severities, time, timely } from './semaphore-parts.ts'
import type { Severity } from './types.ts'

export const CHANGED_KIND = 'binary_changed'

/** What the fleet says of a changed file (its `FileChange`). `at`: when it was first seen to run, ms since the epoch. */
export interface ToldChange {
  binary: string
  abi: Abi
  from: string
  to: string
  at: number
}

/** Times in ms since the epoch, by the author's clock. */
export interface FileSemaphore {
  about: 'file'
  kind: typeof CHANGED_KIND
  /** The binary, as `subjectOf` writes it. */
  subject: string
  /** SHA-256 of what runs now, and of what ran before. */
  sha256: string
  before: string
  abi: Abi
  severity: Severity
  firstSeen: number
  lastSeen: number
}

export function toFileSemaphore({ binary, abi, from, to, at }: ToldChange, now: number): FileSemaphore {
  const lastSeen = Math.round(now)
  return {
    ...{ about: 'file', kind: CHANGED_KIND, subject: subjectOf(binary), sha256: to, before: from, abi },
    ...{ severity: 'incident', firstSeen: Math.min(Math.round(at), lastSeen), lastSeen },
  }
}

const hash = z.string().regex(/^[0-9a-f]{64}$/)

export const fileSchema = z
  .strictObject({
    about: z.literal('file'),
    kind: z.literal(CHANGED_KIND),
    subject: z.string().max(256).refine(isSubject, 'is no printable subject'),
    sha256: hash,
    before: hash,
    abi: z.enum(ABIS as [Abi, ...Abi[]]),
    severity: z.enum(severities),
    firstSeen: time,
    lastSeen: time,
  })
  .refine(timely, 'lastSeen lies before firstSeen')
  .refine(({ sha256, before }) => sha256 !== before, 'it is the same file')
