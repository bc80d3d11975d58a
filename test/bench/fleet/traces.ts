/** Processes of many hosts out of trace files whose names tell host and time. */
import { join } from 'node:path'
import { pairsOfCalls } from '#fleet'
import { slotOf } from '#homeostasis'
import { type Abi, CallNames, readTrace, traceSources } from '#syscalls'

export const data = join(
  process.env.LYMPH_TEST_DATA ?? join(import.meta.dirname, '../../../../shared/data'),
  'traces',
)

/** One process of one host. */
export interface HostProcess {
  host: string
  /** ms since the epoch */
  time: number
  calls: Uint16Array
  /** Distinct pairs by window, made when first asked for. */
  pairs: Map<number, Uint32Array>
}

/**
 * Host and time of a file by its name: the time is the first number (seconds since the epoch), the host what stands
 * between it and the next part that begins with a digit; undefined: the name has not both.
 */
export function hostAndTime(path: string): { host: string; time: number } | undefined {
  const name = path.split('/').at(-1)!
  const found =
    /^(\d+)[-_.](.+?)[-_.]\d+[A-Z][a-z]{2}\d{4}[-_.]/.exec(name) ??
    /^(\d+)[-_.]([A-Za-z].*?)(?:[-_.]\d.*|\.[a-z]+)?$/.exec(name) ??
    undefined
  return found && { host: found[2]!, time: Number(found[1]) * 1000 }
}

/** Every process of a tar or folder whose name tells its host, in order of time. */
export async function hostProcesses(place: string, abi: Abi = 'i386'): Promise<HostProcess[]> {
  const found: HostProcess[] = []
  for await (const { calls, name } of processes(place, abi)) {
    const of = hostAndTime(name)
    if (of) found.push({ ...of, calls, pairs: new Map() })
  }
  if (found.length === 0)
    throw new Error(`${place}: no file is named as TIME-HOST-...: the first number is the time, in seconds`)
  return found.sort((a, b) => a.time - b.time)
}

/** Processes of a tar or folder, as they come. */
export async function* processes(
  place: string,
  abi: Abi,
  include: string[] = [],
  names = new CallNames(abi),
): AsyncGenerator<{ name: string; calls: Uint16Array }> {
  for await (const source of traceSources([place], include.length > 0 ? { include } : {})) {
    const tasks = new Map<number, number[]>()
    await readTrace(source, names, {
      call: (task: number, call: number) => {
        const held = tasks.get(task)
        if (held) held.push(slotOf(call))
        else tasks.set(task, [slotOf(call)])
      },
      exec: () => {},
      fork: () => {},
      exit: () => {},
    })
    for (const calls of tasks.values()) yield { name: source.name, calls: Uint16Array.from(calls) }
  }
}

/** The distinct pairs of a process. */
export function pairsOf(process: Pick<HostProcess, 'calls' | 'pairs'>, window: number): Uint32Array {
  let pairs = process.pairs.get(window)
  if (!pairs) {
    pairs = pairsOfCalls(process.calls, window)
    process.pairs.set(window, pairs)
  }
  return pairs
}

/** The 1,001 processes of the attack on lpr, in order of their names. */
export async function lprcp(): Promise<Uint16Array[]> {
  const found: { name: string; calls: Uint16Array }[] = []
  for await (const one of processes(join(data, 'unm/lpr_unm.tar.gz'), 'i386', ['**/intrusion/*.int']))
    found.push(one)
  found.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  return found.map(({ calls }) => calls)
}

export const mitHosts = join(data, 'unm/lpr_mit-hosts-open.tar.gz')
