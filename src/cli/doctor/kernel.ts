/** What the kernel sensor needs, as the room that loads it sees it. */
import { release } from 'node:os'
import { lineOf } from '../errors.ts'
import { type Finding, failed, ok, skipped } from './finding.ts'

export async function checkKernel(): Promise<Finding[]> {
  const check = 'kernel'
  let kernel: typeof import('#sensor/kernel')
  try {
    kernel = await import('#sensor/kernel')
  } catch (error) {
    return [
      failed(
        'koffi',
        `the kernel sensor cannot be loaded: ${lineOf(error)}`,
        'install the packages of this checkout anew: npm ci',
      ),
    ]
  }
  const koffi = ok('koffi', 'loads: Node.js can make system calls')
  const { ok: good, problems } = await kernel.inspectKernel()
  if (good) return [koffi, ok(check, `${release()}: BTF, capabilities and bpf(2) are there`)]
  const found = problems.map(({ what, why, fix }) => failed(check, `${what}: ${why}`, fix))
  return process.getuid?.() === 0
    ? [koffi, ...found]
    : [
        koffi,
        ...found,
        skipped(check, 'without root `lymph up` runs without the sensor, and `lymph watch -- COMMAND` works'),
      ]
}
