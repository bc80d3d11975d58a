import { join } from 'node:path'
import { prepareState } from '#daemon'
import { openStore } from '#store'
import { noise, World } from './world.ts'

const slotMs = 5 * 60_000
const learnedMs = 2 * 86_400_000

/** Two days of connections of a service called `ours`, as a daemon would have learned them, into a host's state folder. */
export async function learnTwoDays(state: string): Promise<void> {
  const store = await openStore(join(prepareState(state), 'store'), { now: Date.now, log: () => {} })
  const until = Math.floor(Date.now() / slotMs) * slotMs
  const world = new World(store.keyValue('environment'), { now: until - learnedMs })
  await world.environment.open()
  const some = noise(7)
  await world.run(learnedMs + 10_000, () => ({
    ours_in: Math.round(3 + some()),
    ours_out: Math.round(2 + some()),
  }))
  await world.environment.close()
  await store.close()
  prepareState(state)
}
