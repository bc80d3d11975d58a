import { decodeProfile, type Response } from '#homeostasis'
import type { Store } from '#store'
import type { BinaryResponses } from './responses.ts'
import { storedFrom } from './saves.ts'

/**
 * A store that lost profiles gets them back from the files mirrored beside it, and the responses those files carry.
 * @returns what was done to the store, for the operator
 */
export async function restoreProfiles(store: Store, responses: BinaryResponses): Promise<string[]> {
  const health = await store.health()
  const whole = health.state === 'ok' && (health.missing.profiles ?? 0) === 0
  // None at all: the first start, or a store that somebody took away.
  if (whole && store.profiles.size > 0) return []
  const said = new Map<string, Response>()
  await store.profiles.restoreFromMirror((file) => {
    const record = decodeProfile(file)
    if (record.response) said.set(record.key.binary, record.response)
    return { key: record.key, record: storedFrom(record, file) }
  })
  for (const [binary, response] of said) await responses.say(binary, response)
  return health.steps.map((step) => `store: ${JSON.stringify(step)}`)
}
