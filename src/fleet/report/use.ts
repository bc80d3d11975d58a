/** Which part of a program is ever used: its calls and pairs over all hosts, and each host's part of them. Pure. */
import type { PairTable } from '#homeostasis'
import { codesOf } from '../usage.ts'

export interface ProgramUse {
  /** Distinct pairs and calls over all hosts, and those that every host has. */
  union: { pairs: number; calls: number }
  common: { pairs: number; calls: number }
  hosts: { name: string; pairs: number; calls: number; pairShare: number; callShare: number }[]
  /** For n = 1, 2, ...: how many pairs exactly so many hosts have. */
  onHosts: number[]
  /** Every call that is used, on how many hosts, and in how many of the union's pairs it comes last; most first. */
  byCall: { call: number; hosts: number; pairs: number }[]
}

const callOf = (code: number): number => Math.floor(code / 32_768)

export function programUse(
  hosts: readonly { name: string; table: Pick<PairTable, 'entries'> }[],
): ProgramUse {
  const owners = new Map<number, number>()
  const callers = new Map<number, number>()
  const sets = hosts.map(({ name, table }) => {
    const codes = codesOf(table)
    const calls = new Set(codes.map(callOf))
    for (const code of codes) owners.set(code, (owners.get(code) ?? 0) + 1)
    for (const call of calls) callers.set(call, (callers.get(call) ?? 0) + 1)
    return { name, pairs: codes.length, calls: calls.size }
  })
  const ending = new Map<number, number>()
  const onHosts = new Array<number>(hosts.length).fill(0)
  for (const [code, n] of owners) {
    ending.set(callOf(code), (ending.get(callOf(code)) ?? 0) + 1)
    onHosts[n - 1] = (onHosts[n - 1] as number) + 1
  }
  const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole)
  const all = (of: Map<number, number>): number => [...of.values()].filter((n) => n === hosts.length).length
  return {
    union: { pairs: owners.size, calls: callers.size },
    common: { pairs: all(owners), calls: all(callers) },
    hosts: sets.map((one) => ({
      ...one,
      pairShare: share(one.pairs, owners.size),
      callShare: share(one.calls, callers.size),
    })),
    onHosts,
    byCall: [...callers]
      .map(([call, n]) => ({ call, hosts: n, pairs: ending.get(call) ?? 0 }))
      .sort((a, b) => b.pairs - a.pairs || a.call - b.call),
  }
}
