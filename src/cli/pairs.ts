/** Pairs by the names of their calls, as a person reads them. */
import { EMPTY, OUT_OF_RANGE, type Pair } from '#homeostasis'
import type { IncidentWindow } from '#incidents'
import { type Abi, callName } from '#syscalls'

export function callNames(abi: Abi): (call: number) => string {
  return (call) => (call === EMPTY ? '(start)' : call === OUT_OF_RANGE ? '(other)' : callName(abi, call))
}

/** `execve, 2 after openat`: what was called, and how far behind it what came before. */
export function pairText(pair: Pair, abi: Abi | undefined): string {
  const name = abi ? callNames(abi) : String
  return `${name(pair.current)}, ${pair.distance} after ${name(pair.previous)}`
}

/**
 * A few lines for many pairs: one for each call, with what stood before it and how far. A wholly new call makes
 * window - 1 pairs, and people think of it as one thing.
 */
export function pairLines(pairs: readonly Pair[], abi: Abi | undefined, indent = '  '): string[] {
  const name = abi ? callNames(abi) : String
  const byCurrent = new Map<number, Map<number, number[]>>()
  for (const { current, previous, distance } of pairs) {
    const before = byCurrent.get(current) ?? new Map<number, number[]>()
    before.set(previous, [...(before.get(previous) ?? []), distance])
    byCurrent.set(current, before)
  }
  return [...byCurrent].map(([current, before]) => {
    const parts = [...before].map(
      ([previous, distances]) => `${name(previous)} (${distances.sort((a, b) => a - b).join(',')})`,
    )
    return `${indent}${name(current)} after ${parts.join(' ')}`
  })
}

/** A window that spoke, by the names of its calls. */
export function windowText({ part, call, calls }: IncidentWindow): string {
  return `${part.toUpperCase()} at call ${call}: ${calls.join(' ')}`
}
