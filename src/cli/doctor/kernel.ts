/** What the kernel sensor needs, as the room that loads it sees it. */
import { lineOf } from '../errors.ts'
import { type Finding, failed, ok } from './finding.ts'

export async function checkKernel(): Promise<Finding[]> {
  let inspect: typeof import('#sensor/kernel').inspectKernel
  try {
    inspect = (await import('#sensor/kernel')).inspectKernel
  } catch (error) {
    return [
      failed(
        'koffi',
        `the kernel sensor cannot be loaded: ${lineOf(error)}`,
        'install the packages of this checkout anew: npm ci',
      ),
    ]
  }
  const found = await inspect()
  return found.map(({ name, ok: good, why, todo }) => (good ? ok(name, why) : failed(name, why, todo ?? '')))
}
