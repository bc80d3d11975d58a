/** Section 2 of the recipe, word for word, over strings and sets: slow, and sharing nothing with src/. */

const byte = (bits: number) => Math.max(0, Math.min(255, Math.round(bits * 16))) / 16

export class LiteralJudge {
  readonly #window: number
  #n = 0
  readonly #support = new Map<string, number>()
  readonly #pairs = new Set<string>()

  constructor(window: number) {
    this.#window = window
  }

  learn(unit: number[]): void {
    this.#n++
    const grams = new Set<string>()
    for (const k of [1, 2, 3, 7, 8])
      for (let i = k - 1; i < unit.length; i++) grams.add(unit.slice(i - k + 1, i + 1).join(' '))
    for (const gram of grams) this.#support.set(gram, this.#sup(gram) + 1)
    for (let i = 0; i < unit.length; i++)
      for (let j = 1; j < this.#window && j <= i; j++) this.#pairs.add(`${unit[i]} ${unit[i - j]} ${j}`)
  }

  measure(unit: number[]): { n: number; r: number; s: number } {
    const w: number[] = []
    const r: number[] = []
    const costs: number[] = []
    const metPairs = new Set<string>()
    const metGrams = new Set<string>()
    const rb = Math.max(2, 0.01 * (this.#n + 1))
    for (let i = 0; i < unit.length; i++) {
      const c = unit[i]
      let weight = 0
      let unknown = 0
      for (let j = 1; j < this.#window && j <= i; j++) {
        const pair = `${c} ${unit[i - j]} ${j}`
        if (this.#pairs.has(pair)) continue
        unknown++
        if (metPairs.has(pair)) continue
        metPairs.add(pair)
        const elsewhere = [1, 2, 3, 4, 5, 6, 7, 8].some((d) => this.#pairs.has(`${c} ${unit[i - j]} ${d}`))
        weight += this.#sup(`${c}`) === 0 ? 3 : elsewhere ? 0.5 : 1.5
      }
      w.push(weight)
      const three = this.#gram(unit, i, 3)
      r.push(i >= 2 && !metGrams.has(three) ? byte(Math.log2(rb / (this.#sup(three) + 0.5))) : 0)
      metGrams.add(three)
      costs.push(byte(this.#cost(unit, i, unknown)))
    }
    const s = costs.length === 0 ? 0 : costs.reduce((a, b) => a + b, 0) / costs.length
    return { n: mostInFrame(w), r: mostInFrame(r), s }
  }

  #cost(unit: number[], i: number, unknown: number): number {
    if (i === 0) return 0
    if (i < 7) {
      const a = this.#sup(`${unit[i - 1]}`)
      return a === 0
        ? Math.log2((this.#n + 1) / 0.5)
        : Math.log2((a + 1) / (this.#sup(this.#gram(unit, i, 2)) + 0.5))
    }
    const eight = this.#sup(this.#gram(unit, i, 8))
    return eight === 0 ? 4 + unknown : Math.log2((this.#sup(this.#gram(unit, i - 1, 7)) + 1) / (eight + 0.5))
  }

  #gram(unit: number[], i: number, k: number): string {
    return unit.slice(Math.max(0, i - k + 1), i + 1).join(' ')
  }

  #sup(gram: string): number {
    return this.#support.get(gram) ?? 0
  }
}

function mostInFrame(values: number[]): number {
  let most = 0
  for (let i = 0; i < values.length; i++)
    most = Math.max(
      most,
      values.slice(Math.max(0, i - 127), i + 1).reduce((a, b) => a + b, 0),
    )
  return most
}
