/** YAML with positions: what a policy says, and where each of its words stands. */
import { isScalar, LineCounter, type Node, parseDocument, Scalar } from 'yaml'
import { PolicyError } from '../errors.ts'

export type Path = readonly PropertyKey[]

/** Largest policy, in characters. */
const POLICY_LIMIT = 1 << 20

export interface PolicyDocument {
  readonly file: string
  readonly value: unknown
  /** `default.yaml:14:9`, of a value, or of a character in it; of the nearest thing around where there is none. */
  place(path: Path, at?: number): string
  /** Of a key itself, not of what it holds. */
  placeOfKey(path: Path): string
}

/** @throws PolicyError with the place, for text that is no YAML */
export function readDocument(text: string, file: string): PolicyDocument {
  if (text.length > POLICY_LIMIT)
    throw new PolicyError(`${file}:1:1: a policy has at most ${POLICY_LIMIT} characters: split it`)
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true })
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  const [mistake] = document.errors
  if (mistake)
    throw new PolicyError(
      `${at(mistake.pos[0])}: it is not YAML: ${(mistake.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '')}`,
    )
  const [warning] = document.warnings
  if (warning)
    throw new PolicyError(
      `${at(warning.pos[0])}: YAML takes a leading ! for a tag: put a class expression that begins with ! in quotes`,
    )
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100 }) ?? {}
  } catch (error) {
    throw new PolicyError(`${file}:1:1: ${(error as Error).message}`)
  }
  const nodeAt = (path: Path): Node | undefined => {
    for (let length = path.length; length > 0; length--) {
      const node = document.getIn(path.slice(0, length) as string[], true) as Node | undefined
      if (node?.range) return node
    }
    return (document.contents ?? undefined) as Node | undefined
  }
  return {
    file,
    value,
    place(path, inside = 0) {
      const node = nodeAt(path)
      if (!node?.range) return `${file}:1:1`
      // A character of a quoted word stands one further on; of a block, on some other line: its start is told.
      const quoted =
        isScalar(node) && (node.type === Scalar.QUOTE_SINGLE || node.type === Scalar.QUOTE_DOUBLE)
      const plain = isScalar(node) && node.type === Scalar.PLAIN
      return at(node.range[0] + (quoted ? inside + 1 : plain ? inside : 0))
    },
    placeOfKey(path) {
      const map = path.length > 1 ? document.getIn(path.slice(0, -1) as string[], true) : document.contents
      const items = (map as { items?: { key?: Node & { value?: unknown } }[] } | null)?.items ?? []
      const key = items.find((pair) => pair.key?.value === path.at(-1))?.key
      return key?.range ? at(key.range[0]) : this.place(path)
    },
  }
}
