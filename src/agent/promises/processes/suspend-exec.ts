/**
 * pH's suspend_execve: a process may run on, but no new program of its takes effect until the lease is over. It is done
 * when the gate (`../../leases/gate.ts`) says that it enforces the lease, by the BPF LSM or by fanotify.
 */
import type { Outcome } from '../interface.ts'
import type { Hands } from '../world.ts'
import type { Held } from './hold.ts'

export async function suspendExec(
  { pid, startTicks, binary }: Held,
  forMs: number,
  hands: Hands,
): Promise<Outcome> {
  const what = `execs of ${binary} (${pid}) and what descends from it wait`
  const until = hands.leases.held({ pid, startTicks }, 'release-exec')
  if (until !== undefined)
    return { result: 'kept', line: `${what} already, until ${new Date(until).toISOString()}` }
  let id: string | undefined
  try {
    id = hands.leases.take({
      undo: { kind: 'release-exec', pid, startTicks },
      untilMs: hands.now() + forMs,
      what,
    })
    const how = await hands.leases.enforced(id, hands.signal)
    const line = `${what} for ${forMs / 1000} s (${how})`
    return { result: 'repaired', line, undo: { of: 'processes', lease: id } }
  } catch (error) {
    if (id !== undefined) hands.leases.giveBack(id)
    return { result: 'not_kept', line: `${what}: not done: ${(error as Error).message}` }
  }
}
