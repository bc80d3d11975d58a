/** A cfengine 2 policy's sections: assignments, filters, and promises with their attributes. */
import { PolicyError } from '../errors.ts'
import { sectionText } from './advice.ts'
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
  /** What is not understood or not brought over, one line each; what comes after it is read on. */
  readonly faults: string[] = []

  constructor(text: string, file: string) {
    this.#file = file
    this.#tokens = tokensOf(text, file)
  }

  /** What it could make sense of; `faults` has the rest. */
  parse(): CfPolicy {
    const policy: CfPolicy = { assignments: [], filters: [], promises: [] }
    while (this.#peek().kind !== 'end') {
      const section = this.#next()
      if (section.kind !== 'section') {
        this.#fault(
          this.error(
            section,
            `'${section.text}' stands in no section: begin with control:, files:, processes: or such`,
          ),
        )
        this.#skip(() => false)
        continue
      }
      const name = section.text.toLowerCase()
      if (name === 'control') this.#assignments('control', policy)
      else if (name === 'classes' || name === 'groups') this.#assignments('classes', policy)
      else if (name === 'filters') this.#filters(policy)
      else if ((promiseSections as readonly string[]).includes(name))
        this.#promises(name as CfPromise['section'], policy)
      else {
        this.#fault(this.error(section, sectionText(section.text)))
        this.#skip(() => false)
      }
    }
    return policy
  }

  #fault(error: unknown): void {
    if (!(error instanceof PolicyError)) throw error
    this.faults.push(error.message)
  }

  /** To the next section, or to where something new may begin: the first word of a line. */
  #skip(begins: (token: Token) => boolean): void {
    while (!this.#sectionEnds()) {
      const before = this.#tokens[this.#at - 1]
      const token = this.#peek()
      if ((before?.line ?? 0) < token.line && begins(token)) return
      this.#next()
    }
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
      try {
        policy.assignments.push({ section, ...this.#assignment(), classes })
      } catch (error) {
        this.#fault(error)
        this.#skip(({ kind }) => kind === 'class' || kind === 'word')
      }
    }
  }

  #assignment(): Pick<Assignment, 'name' | 'values'> {
    const name = this.#take('word', 'a name')
    this.#take('=', '=')
    this.#take('(', '( before the values')
    const values: Token[] = []
    while (this.#peek().kind !== ')') {
      const value = this.#next()
      if (value.kind !== 'word' && value.kind !== 'string') {
        if (value.kind === '(')
          throw this.error(name, `functions are not brought over: write what ${name.text} is`)
        throw this.error(value, value.kind === 'end' ? 'a ( that is not closed' : `'${value.text}' in a list`)
      }
      values.push(value)
    }
    this.#next()
    return { name, values }
  }

  #filters(policy: CfPolicy): void {
    while (!this.#sectionEnds()) {
      try {
        policy.filters.push(this.#filter())
      } catch (error) {
        this.#fault(error)
        // Its criteria look like sections: to the end of it.
        while (this.#peek().kind !== 'end' && this.#next().kind !== '}');
      }
    }
  }

  #filter(): CfFilter {
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
    return { name, criteria }
  }

  #promises(section: CfPromise['section'], policy: CfPolicy): void {
    let classToken: Token = { ...this.#peek(), kind: 'class', text: 'any' }
    while (!this.#sectionEnds()) {
      if (this.#peek().kind === 'class') {
        classToken = this.#next()
        continue
      }
      try {
        policy.promises.push({
          ...{ section, classes: classToken.text, classToken },
          ...this.#promise(section),
        })
      } catch (error) {
        this.#fault(error)
        this.#skip(
          ({ kind }) => kind === 'class' || kind === 'string' || (section === 'files' && kind === 'word'),
        )
      }
    }
  }

  #promise(section: CfPromise['section']): Pick<CfPromise, 'subject' | 'attributes'> {
    const subject = this.#next()
    if (subject.kind !== 'string' && !(section === 'files' && subject.kind === 'word'))
      throw this.error(
        subject,
        subject.text === 'SetOptionString'
          ? 'SetOptionString is not brought over: processes are read from /proc, ps has no part in it'
          : `'${subject.text}' begins no promise of ${section}${section === 'files' ? '' : ': put the first word of each in quotes'}`,
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
    return { subject, attributes }
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
