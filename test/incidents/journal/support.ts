/** Journals to test with. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type HeadKeep,
  type Incident,
  type JournalEntry,
  type JournalHead,
  type JournalLimits,
  JournalWriter,
  unjudged,
} from '#incidents'

export function temporary(name: string): { folder: string; [Symbol.dispose]: () => void } {
  const folder = mkdtempSync(join(tmpdir(), `lymph-${name}-`))
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}

export class MemoryKeep implements HeadKeep {
  head: JournalHead | undefined

  read(): Promise<JournalHead | undefined> {
    return Promise.resolve(this.head)
  }

  write(head: JournalHead): Promise<void> {
    this.head = head
    return Promise.resolve()
  }
}

export const incident = (more: Partial<Incident> = {}): Incident => ({
  ...{ id: 'ab12cd34', binary: '/usr/sbin/nginx', sha256: 'a'.repeat(64), abi: 'x86-64', window: 6 },
  ...{ severity: 'incident', anomalous: 12, maxLfc: 9, pairsCut: 0, pids: [17], state: 'open' },
  pairs: [{ current: 59, previous: 41, distance: 2 }],
  ...{ firstSeen: 1_790_000_000_000, lastSeen: 1_790_000_001_000 },
  ...unjudged(),
  ...more,
})

export const entries = (count: number): JournalEntry[] =>
  Array.from({ length: count }, (_, n) =>
    n % 2 === 0
      ? {
          kind: 'incident',
          change: 'opened',
          incident: { ...incident({ id: `i${n}`, binary: `/bin/ü\u{1f600}\ud800\u0000${n}` }) },
        }
      : { kind: 'gap', what: 'sensor', why: 'ring full\n\u2028', lost: n },
  )

export async function writer(
  folder: string,
  keep: HeadKeep,
  limits: Partial<JournalLimits> = {},
  said: string[] = [],
): Promise<JournalWriter> {
  let now = 1_790_000_000_000
  return await JournalWriter.open({ folder, keep, limits, now: () => now++, say: (line) => said.push(line) })
}
