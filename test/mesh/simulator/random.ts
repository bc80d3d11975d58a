/** Randomness from a seed (mulberry32), so that a run can be told by a number. Keys and nonces are real ones all the same. */
export interface Random {
  (): number
  pick<T>(from: readonly T[]): T
  shuffled<T>(from: readonly T[]): T[]
}

export function seeded(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const pick = <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)] as T
  const shuffled = <T>(from: readonly T[]): T[] => {
    const all = [...from]
    for (let i = all.length - 1; i > 0; i--) {
      const j = Math.floor(next() * (i + 1))
      ;[all[i], all[j]] = [all[j] as T, all[i] as T]
    }
    return all
  }
  return Object.assign(next, { pick, shuffled })
}
