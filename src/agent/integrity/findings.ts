/** What a check found, in memory and on the disk. */
import { appendFileSync, readFileSync } from 'node:fs'
import { decodeEntry, differences, type Entry, shownPath } from './entry.ts'
import { type Fixed, fixEntry } from './fix.ts'

export interface Finding {
  path: string
  change: 'added' | 'removed' | 'changed' | 'unreadable'
  /** What differs: `mode 0755 -> 4755, content`. */
  what: string
  /** Why it is no surprise: `openssl 3.0.17-1 was upgraded 2026-11-23 04:05:06`. */
  expected?: string
  fixed?: Fixed
}

const findingsLimit = 10_000

/** Findings of a run, kept on the disk as well so that a run that is stopped loses none. */
export class Gathered {
  readonly #path: string
  readonly findings: (Finding & { raw?: string })[]
  #unsaved: Finding[] = []
  cut = 0

  constructor(path: string, before: Finding[]) {
    this.#path = path
    this.findings = before
  }

  get count(): number {
    return this.findings.length
  }

  add(finding: Finding & { raw?: string }): void {
    if (this.findings.length >= findingsLimit) {
      this.cut++
      return
    }
    this.findings.push(finding)
    this.#unsaved.push(finding)
  }

  compared(was: string | undefined, is: string | undefined, fix: boolean): void {
    const before = was === undefined ? undefined : (decodeEntry(was) as Entry)
    const after = is === undefined ? undefined : (decodeEntry(is) as Entry)
    const raw = (after ?? before)?.path ?? ''
    const path = shownPath(raw)
    if (before && after) {
      const { fields, text } = differences(before, after)
      const fixed = fix ? fixEntry(before, after, fields) : undefined
      this.add({ path, raw, change: 'changed', what: text, ...(fixed ? { fixed } : {}) })
    } else if (before) this.add({ path, raw, change: 'removed', what: `${typeName(before)} is gone` })
    else if (after) this.add({ path, raw, change: 'added', what: `${typeName(after)}, mode ${after.mode}` })
  }

  save(): void {
    if (this.#unsaved.length === 0) return
    appendFileSync(this.#path, this.#unsaved.map((one) => `${JSON.stringify(one)}\n`).join(''), {
      mode: 0o600,
    })
    this.#unsaved = []
  }
}

export function readFindings(path: string, count: number): Finding[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .slice(0, count)
      .map((line) => JSON.parse(line) as Finding)
  } catch {
    return []
  }
}

const typeNames: Readonly<Record<string, string>> = {
  ...{ f: 'file', d: 'folder', l: 'link', p: 'FIFO', s: 'socket', c: 'device', b: 'device' },
}
const typeName = ({ type }: Entry): string => typeNames[type] ?? 'something'
