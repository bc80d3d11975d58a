/** The entries of a tree as lines, in order, looked at by the threads while the walk goes on. */

import type { BaselineCursor } from './baseline.ts'
import { comparePaths, unescapeBytes } from './entry.ts'
import type { LookPool } from './pool.ts'
import { type WalkRules, walk } from './walk.ts'
import type { Looked } from './worker.ts'

const lotPaths = 128

export interface StreamOptions extends WalkRules {
  pool: LookPool
  /** Go on after this one. */
  after?: string | undefined
  /** The quick check: content is taken from here where inode, size and times are the same. */
  hints?: BaselineCursor | undefined
  unreadable: (path: string, why: string) => void
  signal?: AbortSignal | undefined
}

/** Lots of lines, each with the last path that was asked for. */
export async function* lotsOf(options: StreamOptions): AsyncGenerator<Looked & { last: string }> {
  const { pool, hints, signal, after } = options
  const underWay: { looked: Promise<Looked>; last: string }[] = []
  const paths = walk(options, options.unreadable, after)
  let over = false
  try {
    while (!over || underWay.length > 0) {
      while (!over && underWay.length < pool.depth) {
        const lot: string[] = []
        const known: string[] = []
        while (lot.length < lotPaths) {
          const next = paths.next()
          if (next.done) {
            over = true
            break
          }
          lot.push(next.value)
          if (hints) known.push(hintFor(next.value, hints))
        }
        if (lot.length === 0) break
        const looked = pool.look(lot.join('\0'), hints ? known : undefined)
        // Somebody awaits it only when its turn comes.
        looked.catch(() => {})
        underWay.push({ looked, last: lot.at(-1) as string })
      }
      const first = underWay.shift()
      if (!first) return
      yield { ...(await first.looked), last: first.last }
      signal?.throwIfAborted()
    }
  } finally {
    await Promise.allSettled(underWay.map(({ looked }) => looked))
  }
}

/** `CONTENT INODE MTIME CTIME` of the baseline; '' where it has none of it. */
function hintFor(path: string, cursor: BaselineCursor): string {
  for (; cursor.line !== undefined; cursor.next()) {
    const tab = cursor.line.indexOf('\t')
    const order = comparePaths(unescapeBytes(cursor.line.slice(0, tab)), path)
    if (order > 0) return ''
    if (order < 0) continue
    const [, stable = '', volatile = ''] = cursor.line.split('\t')
    return `${stable.split(' ')[7]} ${volatile}`
  }
  return ''
}
