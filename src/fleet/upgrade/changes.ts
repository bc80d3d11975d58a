/**
 * Programs whose file is another now. A change that a package manager made is expected; the same without one is what
 * an intruder does. Until the new profile stands the old one is kept, and then both are compared. Pure.
 */
import { createHash } from 'node:crypto'
import type { Abi } from '#syscalls'
import type { Installed } from '../origin/index.ts'

export type ChangeVerdict = 'pending' | 'expected' | 'unexpected'

export interface FileChange {
  id: string
  binary: string
  abi: Abi
  window: number
  from: string
  to: string
  /** When the new content was first seen to run, and when its file was put there (its ctime). ms since the epoch. */
  at: number
  placed: number
  verdict: ChangeVerdict
  /** What owns the path now, where a package does. */
  package?: Installed
  acknowledged: boolean
  /** Once the new profile stands: how it differs from the old one. Jaccard; pairs in one and not in the other. */
  compared?: { at: number; distance: number; pairs: number; onlyOld: number; onlyNew: number }
}

/** A file put there within this of its package's installation came with it; dpkg unpacks for minutes. */
export const transactionWindowMs = 10 * 60_000
/** A package manager at work may not have written its records yet: so long a change stays undecided. */
export const graceMs = 60_000
/** Changes kept; the oldest that is decided is forgotten for a new one. */
const changesLimit = 256

export class ChangeBook {
  readonly #changes = new Map<string, FileChange>()

  /** @returns the change, or undefined where it is known already */
  add(change: Omit<FileChange, 'id' | 'verdict' | 'acknowledged'>): FileChange | undefined {
    const { binary, abi, window, from, to, placed } = change
    const id = createHash('sha256')
      .update([binary, abi, window, from, to, placed].join('\0'))
      .digest('hex')
      .slice(0, 8)
    if (this.#changes.has(id)) return undefined
    const made: FileChange = { ...change, id, verdict: 'pending', acknowledged: false }
    this.#changes.set(id, made)
    if (this.#changes.size > changesLimit) {
      const [oldest] = [...this.#changes.values()].filter(({ verdict }) => verdict !== 'pending')
      this.#changes.delete((oldest ?? (this.#changes.values().next().value as FileChange)).id)
    }
    return made
  }

  /** Whose verdict is open. */
  pending(): FileChange[] {
    return [...this.#changes.values()].filter(({ verdict }) => verdict === 'pending')
  }

  /** @returns the change as it is decided, or undefined while it is not */
  decide(id: string, owner: Installed | undefined, now: number): FileChange | undefined {
    const change = this.#changes.get(id)
    if (change?.verdict !== 'pending') return undefined
    if (owner) change.package = owner
    if (owner && Math.abs(owner.installed - change.placed) <= transactionWindowMs) change.verdict = 'expected'
    else if (now - change.at >= graceMs) change.verdict = 'unexpected'
    return change.verdict === 'pending' ? undefined : change
  }

  /** Whose new profile may stand by now; of these the old one is kept. */
  uncompared(): FileChange[] {
    return [...this.#changes.values()].filter(({ compared }) => !compared)
  }

  compare(id: string, compared: NonNullable<FileChange['compared']>): void {
    const change = this.#changes.get(id)
    if (change) change.compared = compared
  }

  acknowledge(id: string): FileChange | undefined {
    const change = this.#changes.get(id)
    if (change) change.acknowledged = true
    return change
  }

  /** Nobody has looked at it: the class stands. */
  standing(): FileChange[] {
    return [...this.#changes.values()].filter(
      ({ verdict, acknowledged }) => verdict === 'unexpected' && !acknowledged,
    )
  }

  /** Newest first. */
  list(): FileChange[] {
    return [...this.#changes.values()].sort((a, b) => b.at - a.at)
  }

  restore(changes: Iterable<FileChange>): void {
    for (const change of [...changes].sort((a, b) => a.at - b.at).slice(-changesLimit))
      this.#changes.set(change.id, change)
  }
}

/** What a person is told of a change, in one line. */
export function changeMessage(change: FileChange): string {
  const { binary, from, to, verdict, package: owner } = change
  const what = `${binary} is another file now (SHA-256 ${from.slice(0, 12)} before, ${to.slice(0, 12)} now)`
  const of = owner ? `${owner.name} ${owner.version}` : undefined
  if (verdict === 'expected')
    return `${what}: ${of} was installed then; its old profile is kept until the new one stands`
  const why = of
    ? `its package ${of} was installed at another time, ${new Date(owner?.installed ?? 0).toISOString()}`
    : 'no package owns it'
  return `binary_changed: ${what}, and no package manager did it: ${why}; lymph fleet changes --ack ${change.id} if it was you`
}
