import { closeSync, constants, openSync, readSync } from 'node:fs'

/** Bytes read of a file at most, where nothing else is said. */
const limitBytes = 4 * 1024 * 1024

// One buffer for all: every reading is synchronous, and its text is taken out before the next.
const shared = Buffer.allocUnsafe(64 * 1024)

/**
 * The text of a file of the kernel, which may come in pieces and says nothing of its size. Never waits for a writer.
 * @throws the system's error
 */
export function readText(path: string, limit = limitBytes): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    let length = 0
    const parts: Buffer[] = []
    let used = 0
    while (length < limit) {
      if (used === shared.length) {
        parts.push(Buffer.from(shared))
        used = 0
      }
      const got = readSync(file, shared, used, Math.min(shared.length - used, limit - length), null)
      if (got === 0) break
      used += got
      length += got
    }
    if (parts.length === 0) return shared.toString('utf8', 0, used)
    parts.push(shared.subarray(0, used))
    return Buffer.concat(parts).toString('utf8')
  } finally {
    closeSync(file)
  }
}
