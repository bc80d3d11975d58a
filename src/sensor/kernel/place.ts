import type { SavedProfile } from '../interface.ts'
import { type Identities, isUnchanged } from './identity.ts'
import type { PairTables } from './pairs.ts'
import type { Slots } from './slots.ts'
import { kernelKeyOf, restartNumber } from './translate.ts'

/**
 * Gives saved tables their slot before the first call. `fresh`: there was none. Undefined: no room, another ABI, the
 * file is another by now, or the profile exists and what its file holds has not been read yet.
 */
export function placeTables(
  { executable, file, tables }: SavedProfile,
  slots: Slots,
  identities: Identities,
  pairs: PairTables,
): { id: number; fresh: boolean } | undefined {
  const key = kernelKeyOf(executable)
  if (!key || !isUnchanged(executable, file)) return undefined
  const there = slots.find(key)
  if (there !== undefined && identities.get(there)?.sha256 !== file.sha256) return undefined
  const id = there ?? slots.take(key, restartNumber(executable.abi))
  if (id === undefined) return undefined
  pairs.load(id, tables)
  if (there === undefined) identities.adopt(id, executable, file)
  return { id, fresh: there === undefined }
}
