import type { Repository } from '#store'
import type { IncidentBook } from './book.ts'
import type { Incident } from './types.ts'

/** What of the store's repository is needed here. */
export type IncidentRepository = Pick<Repository<string, Incident>, 'putAll' | 'del' | 'list'>

/** Fills a new book with what was saved. */
export async function restoreIncidents(book: IncidentBook, repository: IncidentRepository): Promise<number> {
  const saved: Incident[] = []
  for await (const [, incident] of repository.list()) saved.push(incident)
  book.restore(saved)
  return saved.length
}

/** Saves what has changed since last time. When that fails, it stays to be saved, and the error is thrown on. */
export async function saveIncidents(book: IncidentBook, repository: IncidentRepository): Promise<number> {
  const changes = book.drain()
  try {
    // First the room, then what needs it: the store caps their number too.
    for (const id of changes.del) await repository.del(id)
    if (changes.put.length > 0)
      await repository.putAll(changes.put.map((incident) => [incident.id, incident]))
  } catch (error) {
    book.giveBack(changes)
    throw error
  }
  return changes.put.length + changes.del.length
}
