/**
 * Run as a process of its own and killed with -9: saves pairs of records that belong together and a journal line for
 * each, and prints the number once the store says it is kept. Arguments: the state folder.
 */
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from '#store'
import { key, record } from './support.ts'

const store = await openStore(join(process.argv[2] as string, 'store'), { now: Date.now, log: () => {} })
const pairs = store.records<number>('pair')
const loose = store.keyValue('loose')
for (let n = 1; ; n++) {
  await pairs.putAll([
    [`left-${n % 50}`, n],
    [`right-${n % 50}`, n],
  ])
  await loose.put(String(n).padStart(8, '0'), new TextEncoder().encode(`value ${n}`))
  await store.journal.append([{ n }])
  if (n % 10 === 0)
    await store.profiles.put(
      key(`/usr/bin/p${n % 7}`),
      record(`/usr/bin/p${n % 7}`, new Uint8Array(2000).fill(n % 256)),
    )
  writeSync(1, `${n}\n`)
}
