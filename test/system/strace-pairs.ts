/** Lookahead pairs computed by their definition from strace's own text: what profiles must hold, by another way. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { Pair } from '#homeostasis'
import { type Abi, callName, hostAbi } from '#syscalls'

/** strace's options for a file of calls that `pairsOfStrace` reads. */
export const straceTo = (file: string): string[] => ['-qq', '-s', '0', '-e', 'signal=none', '-o', file]

/** Pairs of one run as `current distance previous`, by the names of calls. */
export function pairsOfStrace(file: string, window: number): Set<string> {
  const calls = readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => /^(\w+)\(/.exec(line)?.[1] ?? [])
  // The window of a program begins after its execve, with nothing before it.
  assert.equal(calls.shift(), 'execve')
  const before = [...Array(window - 1).fill('(start)'), ...calls]
  const pairs = new Set<string>()
  for (const [at, current] of calls.entries())
    for (let distance = 1; distance < window; distance++)
      pairs.add(`${current} ${distance} ${before[at + window - 1 - distance]}`)
  return pairs
}

const start = 511
const nameOf = (call: number, abi: Abi = hostAbi()) => (call === start ? '(start)' : callName(abi, call))

/** A pair as `pairsOfStrace` writes it. */
export const textOf = ({ current, previous, distance }: Pair): string =>
  `${nameOf(current)} ${distance} ${nameOf(previous)}`
