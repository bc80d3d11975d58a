/** What a host had heard before a restart, read back from its store. */
import { z } from 'zod'
import type { KeyValue } from '#store'
import { someBytes, time } from './certificate.ts'
import { decode } from './codec.ts'
import type { Directory } from './directory.ts'
import { readEnvelope } from './envelope.ts'
import { limits } from './limits.ts'
import type { LiveState } from './live.ts'
import type { Windows } from './windows.ts'

export const saved = z.strictObject({ envelope: someBytes(limits.envelopeBytes), received: time })

export interface Restored {
  store: KeyValue
  directory: Directory
  windows: Windows
  live: LiveState
  now: number
}

/** `dropped` hears of each key that is not worth keeping, and whether it was damaged. Resolves with how many proofs are kept. */
export async function restore(
  { store, directory, windows, live, now }: Restored,
  dropped: (key: string, damaged: boolean) => void,
): Promise<number> {
  const orDrop = (key: string, load: () => boolean) => {
    try {
      if (!load()) dropped(key, false)
    } catch {
      dropped(key, true)
    }
  }
  for await (const [key, value] of store.list({ prefix: 'window/' }))
    orDrop(key, () => {
      const author = key.slice('window/'.length)
      if (directory.get(author) !== undefined) windows.load(author, value)
      return directory.get(author) !== undefined
    })
  for await (const [key, value] of store.list({ prefix: 'record/' }))
    orDrop(key, () => {
      const { envelope, received } = saved.parse(decode(value))
      const statement = readEnvelope(envelope)
      if (statement.expires <= now || directory.get(statement.author) === undefined) return false
      live.merge(statement, received)
      return true
    })
  let proofs = 0
  for await (const _ of store.list({ prefix: 'evidence/' })) proofs += 1
  return proofs
}
