/** What a host had heard before a restart, read back from its store. */
import type { KeyValue } from '#store'
import type { Directory } from '../members/directory.ts'
import { readEnvelope } from './envelope.ts'
import type { LiveState } from './live.ts'
import type { Windows } from './windows.ts'

/** As it is kept: when it was received, 6 bytes of ms since the epoch, and the envelope. The store adds its checksum. */
export function keep(envelope: Uint8Array, received: number): Uint8Array {
  const kept = Buffer.allocUnsafe(receivedBytes + envelope.length)
  kept.writeUIntBE(received, 0, receivedBytes)
  kept.set(envelope, receivedBytes)
  return kept
}

const receivedBytes = 6

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
      const kept = Buffer.from(value)
      const received = kept.readUIntBE(0, receivedBytes)
      // Bytes of its own, as what comes from the network is.
      const statement = readEnvelope(new Uint8Array(kept.subarray(receivedBytes)))
      if (statement.expires <= now || directory.get(statement.author) === undefined) return false
      live.merge(statement, received)
      return true
    })
  let proofs = 0
  for await (const _ of store.list({ prefix: 'evidence/' })) proofs += 1
  return proofs
}
