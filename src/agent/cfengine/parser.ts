/** A cfengine 2 policy's sections: assignments, filters, and promises with their attributes. */
import { PolicyError } from '../errors.ts'
import { type Token, type TokenKind, tokensOf } from './lexer.ts'

export interface Attribute {
  name: string
  value: string
  token: Token
}

export interface CfPromise {
  section: 'files' | 'processes' | 'shellcommands'
  /** `any` where no class stands above it. */
  classes: string
  classToken: Token
  /** The path, the regular expression or the command line. */
  subject: Token
  attributes: Attribute[]
}

export interface Assignment {
  section: 'control' | 'classes'
  name: Token
  values: Token[]
  classes: string
}

export interface CfFilter {
  name: Token
  criteria: Attribute[]
}

export interface CfPolicy {
  assignments: Assignment[]
  filters: CfFilter[]
  promises: CfPromise[]
}

const promiseSections = ['files', 'processes', 'shellcommands'] as const

export class CfParser {
  readonly #file: string
  readonly #tokens: Token[]
  #at = 0

  constructor(text: string, file: string) {
    this.#file = file
    this.#tokens = tokensOf(text, file)
  }

  /** @throws PolicyError for what is not understood, and for sections beyond the subset */
  parse(): CfPolicy {
    const policy: CfPolicy = { assignments: [], filters: [], promises: [] }
    while (this.#peek().kind !== 'end') {
      const section = this.#next()
      if (section.kind !== 'section')
        throw this.error(
          section,
          `'${section.text}' stands in no section: begin with control:, files:, processes: or such`,
        )
      const name = section.text.toLowerCase()
      if (name === 'control') this.#assignments('control', policy)
      else if (name === 'classes' || name === 'groups') this.#assignments('classes', policy)
      else if (name === 'filters') this.#filters(policy)
      else if ((promiseSections as readonly string[]).includes(name))
        this.#promises(name as CfPromise['section'], policy)
      else
        throw this.error(
          section,
          `the section ${section.text}: is not brought over: control, classes, filters, files, processes and shellcommands are`,
        )
    }
    return policy
  }

  error(token: Pick<Token, 'line' | 'column'>, message: string): PolicyError {
    return new PolicyError(`${this.#file}:${token.line}:${token.column}: ${message}`)
  }

  #assignments(section: Assignment['section'], policy: CfPolicy): void {
    let classes = 'any'
    while (!this.#sectionEnds()) {
      if (this.#peek().kind === 'class') {
        classes = this.#next().text
        continue
      }
      const name = this.#take('word', 'a name')
      this.#take('=', '=')
      this.#take('(', '( before the values')
      const values: Token[] = []
      while (this.#peek().kind !== ')') {
        const value = this.#next()
        if (value.kind !== 'word' && value.kind !== 'string') {
          if (value.kind === '(')
            throw this.error(name, `functions are not brought over: write what ${name.text} is`)
          throw this.error(
            value,
            value.kind === 'end' ? 'a ( that is not closed' : `'${value.text}' in a list`,
          )
        }
        values.push(value)
      }
      this.#next()
      policy.assignments.push({ section, name, values, classes })
    }
  }

  #filters(policy: CfPolicy): void {
    while (!this.#sectionEnds()) {
      this.#take('{', '{ before the name of a filter')
      const name = this.#take('word', 'the name of a filter')
      const criteria: Attribute[] = []
      while (this.#peek().kind !== '}') {
        const key = this.#next()
        if (key.kind !== 'section')
          throw this.error(
            key,
            key.kind === 'end' ? 'a { that is not closed' : `a criterion such as Owner:, not '${key.text}'`,
          )
        const value = this.#take('string', `the value of ${key.text}, in quotes`)
        criteria.push({ name: key.text, value: value.text, token: key })
      }
      this.#next()
      policy.filters.push({ name, criteria })
    }
  }

  #promises(section: CfPromise['section'], policy: CfPolicy): void {
    let classToken: Token = { ...this.#peek(), kind: 'class', text: 'any' }
    while (!this.#sectionEnds()) {
      if (this.#peek().kind === 'class') {
        classToken = this.#next()
        continue
      }
      const subject = this.#next()
      if (subject.kind !== 'string' && !(section === 'files' && subject.kind === 'word'))
        throw this.error(
          subject,
          `'${subject.text}' begins no promise of ${section}${section === 'files' ? '' : ': it is in quotes'}`,
        )
      const attributes: Attribute[] = []
      for (;;) {
        const name = this.#peek()
        if (name.kind !== 'word' || (this.#peek(1).kind !== '=' && name.text !== 'restart')) break
        this.#next()
        if (this.#peek().kind === '=') this.#next()
        const value = this.#next()
        if (value.kind !== 'word' && value.kind !== 'string')
          throw this.error(value, `the value of ${name.text}`)
        attributes.push({ name: name.text.toLowerCase(), value: value.text, token: name })
      }
      policy.promises.push({ section, classes: classToken.text, classToken, subject, attributes })
    }
  }

  #sectionEnds(): boolean {
    const { kind } = this.#peek()
    return kind === 'section' || kind === 'end'
  }

  #peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)] as Token
  }

  #next(): Token {
    const token = this.#peek()
    if (this.#at < this.#tokens.length - 1) this.#at++
    return token
  }

  #take(kind: TokenKind, what: string): Token {
    const token = this.#next()
    if (token.kind !== kind)
      throw this.error(
        token,
        `${what} is wanted here, not ${token.kind === 'end' ? 'the end' : `'${token.text}'`}`,
      )
    return token
  }
}
