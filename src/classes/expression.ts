/**
 * Class expressions in cfengine's grammar: `()`, then `!`, then `.` or `&`, then `|` (also `||`, `&&`). A class that
 * nobody set is false, so `!undefined` is true; `any` always holds. Empty operands are skipped (`a||b`), as there.
 */
import { CLASS_NAME_LIMIT } from './names.ts'

export type ClassExpression =
  | { kind: 'class'; name: string; at: number }
  | { kind: 'not'; of: ClassExpression }
  | { kind: 'and' | 'or'; of: ClassExpression[] }

/** Where and why a text is no class expression; `at` counts characters from 0. */
export class ClassExpressionError extends Error {
  static override readonly name = 'ClassExpressionError'
  readonly at: number

  constructor(message: string, at: number) {
    super(message)
    this.name = 'ClassExpressionError'
    this.at = at
  }
}

/** Longest expression, in characters, and deepest nesting of parentheses and `!`. */
export const EXPRESSION_LIMIT = 4096
const DEPTH_LIMIT = 64

/** @throws ClassExpressionError */
export function parseClassExpression(text: string): ClassExpression {
  if (text.length > EXPRESSION_LIMIT)
    throw new ClassExpressionError(`a class expression has at most ${EXPRESSION_LIMIT} characters`, 0)
  return new Parser(text).whole()
}

class Parser {
  readonly #text: string
  #at = 0
  #depth = 0

  constructor(text: string) {
    this.#text = text
  }

  whole(): ClassExpression {
    const parsed = this.#or()
    if (this.#at < this.#text.length)
      throw this.#error(
        this.#text[this.#at] === ')'
          ? 'a ) that closes nothing'
          : `'${this.#text[this.#at]}' stands in no class expression: classes, ( ) ! . & | do`,
      )
    if (!parsed) throw this.#error('an empty class expression: write any for always')
    return parsed
  }

  #or(): ClassExpression | undefined {
    return this.#list('or', '|', () => this.#and())
  }

  #and(): ClassExpression | undefined {
    return this.#list('and', '.&', () => this.#not())
  }

  #list(
    kind: 'and' | 'or',
    operators: string,
    operand: () => ClassExpression | undefined,
  ): ClassExpression | undefined {
    const of: ClassExpression[] = []
    for (;;) {
      const one = operand()
      if (one) of.push(one)
      this.#space()
      const next = this.#text[this.#at]
      if (next === undefined || !operators.includes(next)) break
      this.#at++
    }
    return of.length > 1 ? { kind, of } : of[0]
  }

  #not(): ClassExpression | undefined {
    this.#space()
    if (this.#text[this.#at] !== '!') return this.#primary()
    const at = this.#at++
    const of = this.#deeper(() => this.#not())
    if (!of) throw new ClassExpressionError('a ! that negates nothing', at)
    return { kind: 'not', of }
  }

  #primary(): ClassExpression | undefined {
    this.#space()
    const at = this.#at
    if (this.#text[at] === '(') {
      this.#at++
      const inner = this.#deeper(() => this.#or())
      this.#space()
      if (this.#text[this.#at] !== ')') throw new ClassExpressionError('a ( that is not closed', at)
      this.#at++
      return inner
    }
    const name = /^[A-Za-z0-9_]+/.exec(this.#text.slice(at))?.[0]
    if (name === undefined) return undefined
    if (name.length > CLASS_NAME_LIMIT)
      throw this.#error(`a class has at most ${CLASS_NAME_LIMIT} characters`)
    this.#at += name.length
    this.#space()
    if (/[A-Za-z0-9_(!]/.test(this.#text[this.#at] ?? ''))
      throw this.#error('two classes without . or | between them')
    return { kind: 'class', name, at }
  }

  #deeper<T>(parse: () => T): T {
    if (++this.#depth > DEPTH_LIMIT) throw this.#error(`more than ${DEPTH_LIMIT} levels of ( and !`)
    const parsed = parse()
    this.#depth--
    return parsed
  }

  #space(): void {
    while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at++
  }

  #error(message: string): ClassExpressionError {
    return new ClassExpressionError(message, this.#at)
  }
}

export function evaluateClasses(expression: ClassExpression, holds: (name: string) => boolean): boolean {
  switch (expression.kind) {
    case 'class':
      return expression.name === 'any' || holds(expression.name)
    case 'not':
      return !evaluateClasses(expression.of, holds)
    case 'and':
      return expression.of.every((one) => evaluateClasses(one, holds))
    case 'or':
      return expression.of.some((one) => evaluateClasses(one, holds))
  }
}

/** Every class it names; `positive`: under an even number of `!`, so that its holding can make the whole hold. */
export function* classesNamed(
  expression: ClassExpression,
  positive = true,
): Generator<{ name: string; at: number; positive: boolean }> {
  if (expression.kind === 'class') yield { name: expression.name, at: expression.at, positive }
  else if (expression.kind === 'not') yield* classesNamed(expression.of, !positive)
  else for (const one of expression.of) yield* classesNamed(one, positive)
}

/**
 * The classes that keep it from holding, as a person reads them: `!Hr03`, `ph_load_anomaly`. Empty when it holds.
 * For `a|b` both are named: either would do.
 */
export function whyNot(expression: ClassExpression, holds: (name: string) => boolean): string[] {
  if (evaluateClasses(expression, holds)) return []
  if (expression.kind === 'class') return [expression.name]
  if (expression.kind === 'not') return [`!${textOf(expression.of)}`]
  return [...new Set(expression.of.flatMap((one) => whyNot(one, holds)))]
}

function textOf(expression: ClassExpression): string {
  if (expression.kind === 'class') return expression.name
  if (expression.kind === 'not') return `!${textOf(expression.of)}`
  return `(${expression.of.map(textOf).join(expression.kind === 'and' ? '.' : '|')})`
}
