/** A policy's text to promises: every mistake found, each with its place. */
import { createHash } from 'node:crypto'
import type { z } from 'zod'
import { type ClassExpression, ClassExpressionError, classesNamed, parseClassExpression } from '#classes'
import { inOrder, PolicyError } from '../errors.ts'
import type { PromiseType } from '../promises/interface.ts'
import {
  builtInFilters,
  compileFilter,
  FilterError,
  type ProcessFilter,
} from '../promises/processes/filter.ts'
import { orderClasses } from './cycles.ts'
import { type Path, type PolicyDocument, readDocument } from './document.ts'
import { issueText, unknownKey } from './issues.ts'
import { type PolicyBody, type PromiseBody, policySchema, policyShape } from './policy-shape.ts'
import { milliseconds } from './shapes.ts'
import type { Policy, PolicyPromise } from './types.ts'
import { expandAll, resolveVariables, type VariableFault } from './variables.ts'
import { Vocabulary } from './vocabulary.ts'

export interface ReadOptions {
  types: readonly PromiseType[]
  /** Classes that hold on this host, or that something on it sets: its own names, its tags. */
  known: Iterable<string>
  /** `host`, `sys.domain`, ...: variables a policy need not write. */
  variables?: ReadonlyMap<string, string>
}

/** Mistakes told at most; a file of another kind altogether would give thousands. */
const FAULTS_LIMIT = 50
const DEFAULT_IFELAPSED = '1m'
const DEFAULT_EXPIREAFTER = '2h'

/** @throws PolicyError whose `faults` are all mistakes, one line each */
export function readPolicy(text: string, file: string, options: ReadOptions): Policy {
  return new Reader(readDocument(text, file), text, options).read()
}

class Reader {
  readonly #document: PolicyDocument
  readonly #text: string
  readonly #options: ReadOptions
  readonly #faults: string[] = []

  constructor(document: PolicyDocument, text: string, options: ReadOptions) {
    this.#document = document
    this.#text = text
    this.#options = options
  }

  read(): Policy {
    const { known, variables = new Map() } = this.#options
    const body = this.#shaped()
    const names = new Vocabulary([
      ...known,
      ...body.declare,
      ...Object.keys(body.classes),
      ...body.promises.flatMap(({ define }) => Object.values(define ?? {}).flat()),
    ])
    const variableFaults: VariableFault[] = []
    resolveVariables(body.variables, variables, variableFaults)
    for (const { path, at, message } of variableFaults) this.#fault(path, message, at)
    const classes = this.#classes(body, names)
    const filters = this.#filters(body)
    const promises = body.promises.map((one, index) => this.#promise(one, index, body, names, filters))
    this.#throwIfAny()
    const { sequence } = body.control
    const inside = sequence
      ? sequence.flatMap((type) => promises.filter((promise) => promise.type.name === type))
      : promises
    return {
      file: this.#document.file,
      sha256: createHash('sha256').update(this.#text).digest('hex'),
      classes,
      filters,
      promises: inside,
      outside: sequence ? promises.filter((promise) => !sequence.includes(promise.type.name)) : [],
    }
  }

  /** The whole as its shape wants it, variables put in; a mistake here leaves nothing to look at further. */
  #shaped(): PolicyBody {
    const { types, variables = new Map<string, string>() } = this.#options
    const written = this.#document.value
    const faults: VariableFault[] = []
    let value: unknown = written
    if (typeof written === 'object' && written !== null && !Array.isArray(written)) {
      const named = (written as { variables?: unknown }).variables
      const own =
        typeof named === 'object' && named !== null
          ? Object.fromEntries(
              Object.entries(named).filter(([, one]) => ['string', 'number', 'boolean'].includes(typeof one)),
            )
          : {}
      const values = resolveVariables(own as Record<string, string>, variables, [])
      const { variables: _, ...rest } = written as Record<string, unknown>
      value = {
        ...(expandAll(rest, values, [], faults) as object),
        ...(named === undefined ? {} : { variables: named }),
      }
    }
    for (const { path, at, message } of faults) this.#fault(path, message, at)
    const parsed = policyShape(types).safeParse(value, { reportInput: true })
    if (!parsed.success) {
      for (const issue of parsed.error.issues) this.#issue(issue, [])
      this.#throwIfAny()
      throw new PolicyError(`${this.#document.file}:1:1: it is no policy`)
    }
    return parsed.data
  }

  #classes(body: PolicyBody, names: Vocabulary): Policy['classes'] {
    const made = new Map<string, ClassExpression>()
    for (const [name, text] of Object.entries(body.classes)) {
      const expression = this.#expression(text, ['classes', name], names)
      if (expression) made.set(name, expression)
    }
    const { order, cycle } = orderClasses(made)
    if (cycle)
      this.#faults.push(
        `${this.#document.placeOfKey(['classes', cycle[0] as string])}: classes in a circle: ${cycle.join(' -> ')}: take one of them out`,
      )
    return order
  }

  #filters(body: PolicyBody): Map<string, ProcessFilter> {
    const filters = new Map(builtInFilters.map((filter) => [filter.name, filter]))
    for (const [name, one] of Object.entries(body.filters)) {
      if (filters.has(name))
        this.#fault(['filters', name], `${name} is a filter every policy has: take another name`)
      try {
        filters.set(name, compileFilter(name, one))
      } catch (error) {
        if (!(error instanceof FilterError)) throw error
        this.#fault(['filters', name, error.key], error.message, error.at)
      }
    }
    return filters
  }

  #promise(
    promise: PromiseBody,
    index: number,
    body: PolicyBody,
    names: Vocabulary,
    filters: ReadonlyMap<string, ProcessFilter>,
  ): PolicyPromise {
    const path: Path = ['promises', index]
    const keys = this.#options.types.map(({ name }) => name)
    const [named, ...more] = keys.filter((key) => promise[key] !== undefined)
    const type = this.#options.types.find(({ name }) => name === named)
    if (!type || more.length > 0)
      this.#fault(
        path,
        `a promise is of one type: one of ${keys.join(', ')}${more.length > 0 ? `, not ${[named, ...more].join(' and ')}` : ''}`,
      )
    const guardText = promise.if ?? 'any'
    const guard = this.#expression(guardText, [...path, 'if'], names) ?? { kind: 'class', name: 'any', at: 0 }
    let checked: unknown = named === undefined ? undefined : promise[named]
    if (type && checked !== undefined) {
      const parsed = type.parse(checked, { filters })
      if ('body' in parsed) checked = parsed.body
      else for (const fault of parsed.faults) this.#fault([...path, type.name, ...fault.path], fault.message)
    }
    const name = promise.name ?? `${named ?? 'promise'}-${index + 1}`
    if (body.promises.slice(0, index).some((other) => other.name === name))
      this.#fault([...path, 'name'], `another promise is called ${name}: names tell promises apart`)
    const { ifelapsed = DEFAULT_IFELAPSED, expireafter = DEFAULT_EXPIREAFTER } = body.control
    return {
      name,
      comment: promise.comment ?? '',
      type: type as PromiseType,
      guard,
      guardText,
      body: checked,
      ifelapsedMs: milliseconds(promise.ifelapsed ?? ifelapsed),
      expireafterMs: milliseconds(promise.expireafter ?? expireafter),
      define: { kept: [], repaired: [], not_kept: [], ...promise.define },
      place: this.#document.place(path),
      key: createHash('sha256')
        .update(JSON.stringify([named, name, checked]))
        .digest('hex')
        .slice(0, 16),
    }
  }

  #expression(text: string, path: Path, names: Vocabulary): ClassExpression | undefined {
    try {
      const expression = parseClassExpression(text)
      for (const { name, at } of classesNamed(expression))
        if (!names.knows(name)) this.#fault(path, names.complaint(name), at)
      return expression
    } catch (error) {
      if (!(error instanceof ClassExpressionError)) throw error
      this.#fault(path, error.message, error.at)
      return undefined
    }
  }

  #issue(issue: z.core.$ZodIssue, above: Path): void {
    const path = [...above, ...issue.path]
    if (issue.code === 'unrecognized_keys') {
      const schema = policySchema(this.#options.types)
      for (const key of issue.keys)
        this.#faults.push(`${this.#document.placeOfKey([...path, key])}: ${unknownKey(key, path, schema)}`)
      return
    }
    const { at, text } = issueText(issue, path)
    this.#fault(at, text)
  }

  #fault(path: Path, message: string, at = 0): void {
    const line = `${this.#document.place(path, at)}: ${message}`
    if (!this.#faults.includes(line)) this.#faults.push(line)
  }

  #throwIfAny(): void {
    if (this.#faults.length === 0) return
    const error = new PolicyError(inOrder(this.#faults)[0] as string)
    error.faults = inOrder(this.#faults).slice(0, FAULTS_LIMIT)
    throw error
  }
}
