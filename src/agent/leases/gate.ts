/**
 * pH's suspend_execve, as a process of the keeper's: `gate.ts FOLDER [auto|fanotify]`. Programs that a process under such
 * a lease, or what descends from it, wants to start wait until the lease is over; everybody else's start at once. By the
 * BPF LSM where it loads, else by fanotify. It lives only while there is such a lease; its end on the keeper's pipe
 * (standard input) or a signal ends it, and everybody goes on.
 */
import { whyNoLsm } from '#sensor/exec-gate'
import { writeGate } from './gate-file.ts'

const [folder, kind = 'auto'] = process.argv.slice(2)
if (!folder || !['auto', 'fanotify'].includes(kind)) {
  process.stderr.write('gate: usage: gate.ts FOLDER [auto|fanotify]\n')
  process.exit(2)
}
// Whom it would tell may be gone, and it has work to do then.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const why = (error: unknown): string => (error as Error).message.split('\n')[0] as string

/** The gate of the BPF LSM, or why there is none. */
async function lsm() {
  const { LsmGate } = await import('./gate-lsm.ts')
  return new LsmGate(folder as string)
}

let noLsm = kind === 'fanotify' ? 'the config asks for fanotify' : whyNoLsm()
const gate =
  noLsm === undefined
    ? await lsm().catch((error) => {
        noLsm = why(error)
      })
    : undefined
if (gate) {
  process.stdout.write('gate: execs are held in the kernel (BPF LSM)\n')
  for (const event of ['end', 'close', 'error']) process.stdin.on(event, () => gate.end())
  process.stdin.resume()
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => gate.end())
  await gate.run()
  process.exit(0)
}
try {
  const { FanotifyGate } = await import('./gate-fanotify.ts')
  const asking = new FanotifyGate(folder, noLsm ?? '')
  process.stdout.write(`gate: every exec of this host is asked about (fanotify): no BPF LSM: ${noLsm}\n`)
  asking.run()
  process.exit(0)
} catch (error) {
  const both = `no BPF LSM: ${noLsm}; no fanotify: ${why(error)}`
  writeGate(folder, { how: 'none', why: both, leases: [] })
  process.stderr.write(`gate: ${both}\n`)
  process.exit(4)
}
