/**
 * What the journal holds (docs/reference/journal.md). A record is one line of JSON; `seq`, `prev` and `hash` make the
 * chain. The published schema, docs/reference/journal.schema.json, is generated from here.
 */
import { z } from 'zod'

const text = z.string().max(4096)
const hash = z.string().regex(/^[0-9a-f]{64}$/)
const at = z.number().int().nonnegative().describe('ms since the epoch')
const count = z.number().int().nonnegative()

const pair = z.object({ current: count, previous: count, distance: z.number().int().min(1).max(8) })

/** As `incident list --json` shows it; what later versions add stays in. */
export const incidentShape = z.looseObject({
  id: text,
  binary: text,
  sha256: z.string().max(64),
  abi: z.enum(['x86-64', 'i386', 'arm64']),
  window: z.number().int().min(2).max(9),
  severity: z.enum(['notice', 'incident', 'severe']),
  anomalous: count,
  maxLfc: z.number().int().min(0).max(128),
  pairs: z.array(pair).max(256),
  pairsCut: count,
  pids: z.array(count).max(64),
  firstSeen: at,
  lastSeen: at,
  state: z.enum(['open', 'quiet', 'resolved']),
})

export const toleranceShape = z.object({
  id: text,
  incident: text.describe('the incident it was made from'),
  binary: text,
  abi: z.enum(['x86-64', 'i386', 'arm64']),
  sha256: z.string().max(64).describe("'' means whatever the file holds"),
  scope: z.enum(['evidence', 'binary']),
  evidence: z.array(z.string().max(8300)).max(1024),
  reason: text,
  by: text,
  created: at,
  until: at,
})

const kinds = {
  started: z.strictObject({ kind: z.literal('started'), host: text, version: text }),
  incident: z.strictObject({
    kind: z.literal('incident'),
    change: z.enum(['opened', 'rose', 'quiet', 'resolved', 'tolerated']),
    incident: incidentShape,
    tolerance: text.optional().describe('of which tolerance, when it is tolerated'),
  }),
  tolerance: z.strictObject({
    kind: z.literal('tolerance'),
    change: z.enum(['added', 'removed', 'expired']),
    by: text,
    tolerance: toleranceShape,
  }),
  action: z.strictObject({
    kind: z.literal('action'),
    run: text.describe('of the agent; empty when an operator acted'),
    promise: text.describe('where in which policy'),
    verb: text.describe('delay, freeze, kill, stop, warn, fix, collect, ...'),
    subject: text.describe('the process, file or unit it was done to'),
    outcome: z.enum(['done', 'would', 'refused', 'failed', 'undone', 'expired', 'tolerated']),
    why: text,
    incident: text.optional(),
    pid: count.optional(),
    until: at.optional().describe('when its lease ends'),
  }),
  binary: z.strictObject({
    kind: z.literal('binary'),
    change: z.enum(['new', 'changed', 'written-over']),
    binary: text,
    sha256: z.string().max(64),
    before: z.string().max(64).optional(),
    expected: text.optional().describe('the package whose transaction explains it'),
  }),
  integrity: z.strictObject({
    kind: z.literal('integrity'),
    change: z.enum(['baseline', 'checked']),
    name: text,
    baseline: hash.describe('SHA-256 of the baseline file'),
    entries: count,
    findings: count,
    expected: count,
  }),
  evidence: z.strictObject({
    kind: z.literal('evidence'),
    id: text,
    incident: text.optional(),
    manifest: hash.describe('SHA-256 of its manifest'),
    cut: z.boolean(),
  }),
  muted: z.strictObject({
    kind: z.literal('muted'),
    detector: text,
    on: z.boolean(),
    opened: count.describe('incidents of that detector within the last 24 h'),
    limit: count,
  }),
  gap: z.strictObject({
    kind: z.literal('gap'),
    what: z.enum(['sensor', 'journal', 'store']),
    why: text,
    lost: count,
    since: at.optional(),
  }),
  mended: z.strictObject({
    kind: z.literal('mended'),
    bytes: count.describe('of a torn last line that were cut off'),
    sha256: hash,
  }),
  dropped: z.strictObject({
    kind: z.literal('dropped'),
    before: count.describe('records with a lower number were given up for room'),
    base: hash.describe('what the first record kept has as prev'),
  }),
} as const

export const entrySchema = z.discriminatedUnion('kind', [
  kinds.started,
  kinds.incident,
  kinds.tolerance,
  kinds.action,
  kinds.binary,
  kinds.integrity,
  kinds.evidence,
  kinds.muted,
  kinds.gap,
  kinds.mended,
  kinds.dropped,
])

/** What a room hands in. */
export type JournalEntry = z.input<typeof entrySchema>

const chained = { seq: z.number().int().positive(), at, prev: hash, hash }

export const recordSchema = z.discriminatedUnion('kind', [
  kinds.started.extend(chained),
  kinds.incident.extend(chained),
  kinds.tolerance.extend(chained),
  kinds.action.extend(chained),
  kinds.binary.extend(chained),
  kinds.integrity.extend(chained),
  kinds.evidence.extend(chained),
  kinds.muted.extend(chained),
  kinds.gap.extend(chained),
  kinds.mended.extend(chained),
  kinds.dropped.extend(chained),
])

export type JournalRecord = z.output<typeof recordSchema>

/** JSON Schema 2020-12 of one line. */
export const journalJsonSchema = (): Record<string, unknown> => ({
  title: 'a line of the journal of lymph',
  ...z.toJSONSchema(recordSchema),
})
