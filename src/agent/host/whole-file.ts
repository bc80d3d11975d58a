/** A small file of root's that is there whole or as it was: what a crash leaves is never half of it. */
import { renameSync, writeFileSync } from 'node:fs'

/** As JSON, mode 0600. @throws Error where the disk does not take it */
export function writeWhole(file: string, value: unknown): void {
  writeFileSync(`${file}.new`, JSON.stringify(value), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}
