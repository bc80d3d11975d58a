/** Words of a cfengine 2 policy, with their places: sections (`files:`), classes (`linux.!Hr03::`), strings, ( ) { } =. */
import { PolicyError } from '../errors.ts'

export type TokenKind = 'section' | 'class' | 'string' | 'word' | '(' | ')' | '{' | '}' | '=' | 'end'

export interface Token {
  kind: TokenKind
  text: string
  /** From 1. */
  line: number
  column: number
}

/** Largest policy, in characters. */
const TEXT_LIMIT = 1 << 20
const TOKENS_LIMIT = 200_000

/** @throws PolicyError `file:line:column: ...` */
export function tokensOf(text: string, file: string): Token[] {
  if (text.length > TEXT_LIMIT)
    throw new PolicyError(`${file}:1:1: a policy has at most ${TEXT_LIMIT} characters`)
  const tokens: Token[] = []
  let at = 0
  let line = 1
  let lineStart = 0
  const place = () => ({ line, column: at - lineStart + 1 })
  const push = (kind: TokenKind, word: string, where: { line: number; column: number }) => {
    if (tokens.length >= TOKENS_LIMIT)
      throw new PolicyError(`${file}:${line}:1: more than ${TOKENS_LIMIT} words`)
    tokens.push({ kind, text: word, ...where })
  }
  while (at < text.length) {
    const letter = text[at] as string
    if (letter === '\n') {
      at++
      line++
      lineStart = at
    } else if (/\s/.test(letter)) at++
    else if (letter === '#') {
      const end = text.indexOf('\n', at)
      at = end < 0 ? text.length : end
    } else if (letter === '"' || letter === "'" || letter === '`') {
      const where = place()
      const end = endOfString(text, at)
      if (end < 0)
        throw new PolicyError(`${file}:${where.line}:${where.column}: a ${letter} that is not closed`)
      const inside = text.slice(at + 1, end)
      push('string', inside.replaceAll(`\\${letter}`, letter), where)
      for (const [index, one] of [...inside].entries())
        if (one === '\n') {
          line++
          lineStart = at + 1 + index + 1
        }
      at = end + 1
    } else if ('(){}='.includes(letter)) {
      // A class expression may begin with a parenthesis, a list never ends in `::`.
      const classes = letter === '(' ? /^[\w.!|&()]+::/.exec(text.slice(at))?.[0] : undefined
      if (classes) {
        push('class', classes.slice(0, -2), place())
        at += classes.length
      } else {
        push(letter as TokenKind, letter, place())
        at++
      }
    } else {
      const where = place()
      const classes = /^[\w.!|&()]+::/.exec(text.slice(at))?.[0]
      const word =
        classes ?? (/^(?:\$\([^)\s]*\)|\$\{[^}\s]*\}|[^\s"'`(){}=#])+/.exec(text.slice(at))?.[0] as string)
      if (classes) push('class', classes.slice(0, -2), where)
      else if (/^[A-Za-z]+:$/.test(word)) push('section', word.slice(0, -1), where)
      else push('word', word, where)
      at += word.length
    }
  }
  push('end', '', place())
  return tokens
}

/** Where the string that begins at `at` ends: a quote of its kind without a backslash. -1: nowhere. */
function endOfString(text: string, at: number): number {
  let end = text.indexOf(text[at] as string, at + 1)
  while (end > 0 && text[end - 1] === '\\') end = text.indexOf(text[at] as string, end + 1)
  return end
}
