/** Writes docs/reference/journal.schema.json, the published schema of a line of the journal: `node scripts/docs/journal.ts`. */
import { writeFileSync } from 'node:fs'
import { journalJsonSchema } from '#incidents'

export const page = new URL('../../docs/reference/journal.schema.json', import.meta.url)

export const journalSchemaText = (): string => `${JSON.stringify(journalJsonSchema(), null, 2)}\n`

if (import.meta.main) writeFileSync(page, journalSchemaText())
