/** The self-test with the software sensor: what `lymph watch` does, for a user who has no privilege. */
import { encodeProfile, type ProfileRecord, profileFrom, recordOf, tableFrom } from '#homeostasis'
import { SoftwareSensorError, type WatchResult, watchCommand } from '#sensor'
import { DaemonError } from '../errors.ts'
import type { Host } from '../host.ts'
import { usual, type Watching } from './helper.ts'

const runs = 5

/**
 * @param noKernel why it is not the kernel sensor
 * @throws DaemonError where strace may not or cannot trace
 */
export async function tracedWatching(helper: string, host: Host, noKernel: string): Promise<Watching> {
  let record: ProfileRecord | undefined
  const watch = async (script: string): Promise<WatchResult> => {
    const result = await watchCommand([helper, '-c', script], {
      settings: host.settings,
      stdio: ['ignore', 'ignore', 'ignore'],
      saved: async ({ path }) => (path === helper ? record : undefined),
    })
    record = result.profiles.find(({ key }) => key.binary === helper) ?? record
    return result
  }
  const learned = () => {
    if (record) return record
    throw new DaemonError('self-test: strace ran the helper, and nothing was learned of it', 1)
  }
  try {
    await watch(usual)
  } catch (error) {
    if (!(error instanceof SoftwareSensorError)) throw error
    throw new DaemonError(
      `the self-test needs the kernel sensor or strace: ${noKernel}; ${error.message}; lymph doctor says more`,
      4,
      { cause: error },
    )
  }
  return {
    told: `strace, on the helper alone: no kernel sensor: ${noKernel}`,
    async learn() {
      for (let i = 1; i < runs; i++) await watch(usual)
      const { tables } = learned()
      return { calls: tables.calls, pairs: tableFrom(tables.rows, 'train').pairs }
    },
    async normalize() {
      const before = learned()
      const profile = profileFrom(before, host.settings)
      profile.act('normalize')
      const { since, made, about } = before
      record = { ...before, ...recordOf(profile, { since, made }, about) }
      await host.operator.import(encodeProfile(record))
    },
    async run(_, script) {
      const { anomalies } = await watch(script)
      for (const anomaly of anomalies) host.incidents.observe(anomaly, learned().key)
    },
    close: async () => {},
  }
}
