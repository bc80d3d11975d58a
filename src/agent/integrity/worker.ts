/** A thread that looks at paths: lots of them at a time, since a message costs more than a small file. */
import { parentPort } from 'node:worker_threads'
import { encodeEntry } from './entry.ts'
import { type LookRules, look } from './look.ts'

export interface Lot {
  id: number
  rules: LookRules
  /** Separated by zero bytes. */
  paths: string
  /** Of the quick check, one a path; '' where there is none. */
  hints?: string[] | undefined
}

export interface Looked {
  id: number
  /** Lines, as bytes. */
  lines: Uint8Array
  entries: number
  bytes: number
}

export function lookAt({ id, rules, paths, hints }: Lot): Looked {
  const lines: string[] = []
  let bytes = 0
  for (const [place, path] of paths.split('\0').entries()) {
    const seen = look(path, rules, hints?.[place] || undefined)
    if (!seen) continue
    lines.push(encodeEntry(seen.entry))
    bytes += seen.bytes
  }
  return { id, lines: Buffer.from(lines.join(''), 'latin1'), entries: lines.length, bytes }
}

parentPort?.on('message', (lot: Lot | 'over') => {
  if (lot === 'over') parentPort?.close()
  else parentPort?.postMessage(lookAt(lot))
})
