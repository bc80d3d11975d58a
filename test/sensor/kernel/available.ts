import { mkdtempSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspectKernel, type SensorSettings } from '#sensor'
import { patience } from '../../patience.ts'

/** What the tests of the live sensor start it with: pH's limits, short delays. */
export const settings: SensorSettings = {
  window: 6,
  anomalyLimit: 30,
  tolerizeLimit: 12,
  localityWindow: 128,
  delayLimitMs: 1000,
  defaultDelayUnitMs: 0,
}

/** Why the kernel sensor cannot run here; undefined when it can. */
export async function noKernel(): Promise<string | undefined> {
  const { ok, problems } = await inspectKernel()
  return ok ? undefined : problems.map(({ what, why }) => `${what}: ${why}`).join('; ')
}

/** A folder that unprivileged programs may enter. */
export function scratch(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), 'lymph-kernel-')))
}

/** Polls until `seek` finds something. */
export async function until<T>(what: string, seek: () => T | undefined | false, ms = 10_000): Promise<T> {
  const limit = ms * patience
  const end = Date.now() + limit
  for (;;) {
    const found = seek()
    if (found !== undefined && found !== false) return found
    if (Date.now() > end) throw new Error(`${what}: not within ${limit} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
