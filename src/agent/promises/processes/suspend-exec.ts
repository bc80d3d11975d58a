/**
 * pH's suspend_execve: a process may run on, but no new program of its takes effect until the lease is over. The gate
 * (`../../leases/gate.ts`) answers the kernel through fanotify; BPF LSM, which could refuse in the kernel, is loaded on
 * few hosts.
 */
import type { Outcome } from '../interface.ts'
import type { Hands } from '../world.ts'
import type { Held } from './hold.ts'

export function suspendExec({ pid, startTicks, binary }: Held, forMs: number, hands: Hands): Outcome {
  const what = `execs of ${binary} (${pid}) and what descends from it wait`
  const until = hands.leases.held({ pid, startTicks }, 'release-exec')
  if (until !== undefined)
    return { result: 'kept', line: `${what} already, until ${new Date(until).toISOString()}` }
  try {
    const id = hands.leases.take({
      undo: { kind: 'release-exec', pid, startTicks },
      untilMs: hands.now() + forMs,
      what,
    })
    return { result: 'repaired', line: `${what} for ${forMs / 1000} s`, undo: { of: 'processes', lease: id } }
  } catch (error) {
    return { result: 'not_kept', line: `${what}: not done: ${(error as Error).message}` }
  }
}
