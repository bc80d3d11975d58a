/** FHIDS as a fleet: pretend hosts, each with its own habits among the distinct traces of a service. */
import { join } from 'node:path'
import { CallNames } from '#syscalls'
import { random } from './fleet.ts'
import { data, type HostProcess, processes } from './traces.ts'

const archive = join(data, 'fhids/FHIDS-open.tar.gz')
const begin = Date.UTC(2026, 0, 1)
const span = 13.7 * 86_400_000
/** Traces are cut here: some of the attacks go on for a million calls. */
const CALLS = 16_384

export interface PretendFleet {
  processes: HostProcess[]
  attack: Uint16Array[]
}

export async function fhids(
  service: 'FTP' | 'Redis',
): Promise<{ normal: Uint16Array[]; attack: Uint16Array[] }> {
  const names = new CallNames('x86-64')
  const read = async (kind: string): Promise<Uint16Array[]> => {
    const found: Uint16Array[] = []
    for await (const { calls } of processes(archive, 'x86-64', [`**/${kind}/${service}/*`], names))
      found.push(calls.subarray(0, CALLS))
    return found
  }
  return { normal: await read('normal'), attack: await read('attack') }
}

/** `hosts` hosts of 6 to 200 processes (log-uniform), each drawing the distinct traces by its own Dirichlet(.25) weights. */
export function pretendFleet(normal: readonly Uint16Array[], hosts: number, seed: number): HostProcess[] {
  const next = random(seed)
  const distinct = [...new Map(normal.map((calls) => [calls.join(' '), calls])).values()]
  // One object for what is the same, so that its pairs are made once.
  const pairs = distinct.map(() => new Map<number, Uint32Array>())
  const found: HostProcess[] = []
  for (let i = 0; i < hosts; i++) {
    const count = Math.round(Math.exp(Math.log(6) + next() * Math.log(200 / 6)))
    const weights = distinct.map(() => gammaQuarter(next))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    for (let n = 0; n < count; n++) {
      let rest = next() * total
      let at = 0
      while (at < distinct.length - 1 && rest >= weights[at]!) rest -= weights[at++]!
      found.push({
        host: `host-${i}`,
        time: begin + Math.floor(next() * span),
        calls: distinct[at]!,
        pairs: pairs[at]!,
      })
    }
  }
  return found.sort((a, b) => a.time - b.time)
}

/** Gamma(1/4): Gamma(5/4) by Marsaglia and Tsang, times U^4. */
function gammaQuarter(next: () => number): number {
  const d = 1.25 - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const x = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
    const v = (1 + c * x) ** 3
    if (v > 0 && Math.log(1 - next()) < (x * x) / 2 + d - d * v + d * Math.log(v)) return d * v * next() ** 4
  }
}
