/** Makes a baseline, and compares a tree with one. Both go on where they were stopped. */
import { mkdirSync, rmSync } from 'node:fs'
import { AgentError } from '../errors.ts'
import {
  type BaselineHeader,
  type BaselineInfo,
  BaselineWriter,
  dropProgress,
  openBaseline,
  type Progress,
  placesOf,
  readProgress,
  saveWhole,
} from './baseline.ts'
import { comparePaths, decodeEntry, type Entry, shownPath, unescapeBytes } from './entry.ts'
import { type Finding, Gathered, readFindings } from './findings.ts'
import { ownersOf, PackageRecords } from './packages.ts'
import { LookPool } from './pool.ts'
import { lotsOf } from './stream.ts'

export interface IntegrityOptions {
  /** Where baselines are kept; made 0700 when it is not there. */
  folder: string
  name: string
  /** Full paths. */
  roots: readonly string[]
  exclude?: readonly string[]
  /** Also what is mounted below a root. */
  mounts?: boolean
  /** Folders below a root that are entered; 0: the root alone. Default: all. */
  depth?: number
  /** Larger files are not read. */
  largestBytes?: number
  workers?: number
  now: () => number
  signal?: AbortSignal
  /** Told now and then how far it is. */
  progress?: (entries: number, bytes: number) => void
  /** Where packages are known from; null: nobody is asked. */
  packages?: PackageRecords | null
  /** Told of every entry there is, in a check. */
  each?: (entry: Entry) => void
}

export interface CheckReport {
  baseline: BaselineInfo
  entries: number
  bytes: number
  /** Not expected; at most 10,000, beyond which they are counted. */
  findings: Finding[]
  expected: Finding[]
  findingsCut: number
  /** It went on from where an earlier one was stopped. */
  resumed: boolean
}

export const defaultLargestBytes = 16 * 1024 ** 3
const progressEveryMs = 2000

function headerOf(options: IntegrityOptions): BaselineHeader {
  const { name, roots, exclude = [], mounts = false, largestBytes = defaultLargestBytes, now } = options
  for (const [place, root] of roots.entries()) {
    if (!root.startsWith('/')) throw new AgentError(`${root}: name a full path`, 2)
    const other = roots.find(
      (one, n) => n !== place && (one === root || root.startsWith(`${one.replace(/\/$/, '')}/`)),
    )
    if (other !== undefined) throw new AgentError(`${root} lies in ${other}: name it once`, 2)
  }
  if (roots.length === 0) throw new AgentError('no folder to check was named', 2)
  const depth = options.depth === undefined ? {} : { depth: options.depth }
  return { name, roots: [...roots], exclude: [...exclude], mounts, ...depth, largestBytes, made: now() }
}

const sameAsk = (a: BaselineHeader, b: BaselineHeader): boolean =>
  JSON.stringify({ ...a, made: 0 }) === JSON.stringify({ ...b, made: 0 })

/** @throws AgentError where it cannot be written; what the signal aborts goes on the next time */
export async function makeBaseline(options: IntegrityOptions): Promise<BaselineInfo & { bytes: number }> {
  const { folder, name, signal, progress, now, workers } = options
  const places = placesOf(folder, name)
  let header = headerOf(options)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const before = readProgress(places.progress)
  const begun = before?.kind === 'baseline' ? (JSON.parse(before.of) as BaselineHeader) : undefined
  const resume = before && begun && sameAsk(begun, header) ? before : undefined
  if (resume && begun) header = begun
  const writer = new BaselineWriter(places.baseline, places.draft, header, resume)
  await using pool = new LookPool({ largestBytes: header.largestBytes }, workers)
  let saved = now()
  let bytes = 0
  try {
    const walked = { ...header, pool, after: resume?.path, signal, unreadable: () => {} }
    for await (const { lines, entries, last, bytes: read } of lotsOf(walked)) {
      writer.add(lines, entries)
      bytes += read
      progress?.(writer.progress.entries, bytes)
      const stopping = signal?.aborted ?? false
      if (!stopping && now() - saved < progressEveryMs) continue
      saved = now()
      writer.sync()
      const state: Progress = {
        ...{ kind: 'baseline', of: JSON.stringify(header), path: last, findings: 0 },
        ...writer.progress,
      }
      saveWhole(places.progress, JSON.stringify(state))
      signal?.throwIfAborted()
    }
  } catch (error) {
    writer.leave()
    throw error
  }
  const { entries } = writer.progress
  if (options.packages !== null)
    saveWhole(places.owners, await ownersOf(header.roots, options.packages?.places))
  const sha256 = writer.finish()
  dropProgress(places.progress)
  return { header, entries, sha256, bytes }
}

/**
 * @param mode `quick` does not read files whose inode, size and times are as they were: it misses what root hid (times can
 *   be set by whoever sets the clock or writes to the disk below the file system) and what decayed on the disk
 * @param fix owner, mode and attributes are put back; content cannot be, and the finding says so
 */
export async function checkTree(
  options: IntegrityOptions,
  mode: { quick?: boolean; fix?: boolean } = {},
): Promise<CheckReport> {
  const { folder, name, signal, progress, now, workers } = options
  const places = placesOf(folder, name)
  const { info, cursor } = openBaseline(places.baseline)
  const { header } = info
  const asked = headerOf(options)
  if (!sameAsk(header, asked))
    throw new AgentError(
      `${places.baseline}: the baseline is of ${header.roots.join(' ')} with other excludes or limits than asked now: make another, or ask as then`,
    )
  const before = readProgress(places.progress)
  const resume = before?.kind === 'check' && before.of === info.sha256 ? before : undefined
  if (!resume) rmSync(places.findings, { force: true })
  const gathered = new Gathered(places.findings, resume ? readFindings(places.findings, resume.findings) : [])
  const known = cursor()
  const hints = mode.quick ? cursor() : undefined
  await using pool = new LookPool({ largestBytes: header.largestBytes }, workers)
  let bytes = 0
  let entries = resume?.entries ?? 0
  let saved = now()
  try {
    if (resume)
      while (known.line !== undefined && comparePaths(pathOf(known.line), resume.path) <= 0) known.next()
    const unreadable = (path: string, why: string) =>
      gathered.add({ path: shownPath(path), change: 'unreadable', what: `it cannot be listed (${why})` })
    for await (const lot of lotsOf({ ...header, pool, hints, after: resume?.path, signal, unreadable })) {
      const text = Buffer.from(lot.lines).toString('latin1')
      if (options.each) for (const line of text.split('\n')) tellOf(line, options.each)
      compare(text, known, (was, is) => gathered.compared(was, is, mode.fix === true))
      bytes += lot.bytes
      entries += lot.entries
      progress?.(entries, bytes)
      if (now() - saved < progressEveryMs) continue
      saved = now()
      gathered.save()
      const state: Progress = {
        kind: 'check',
        of: info.sha256,
        path: lot.last,
        bytes: 0,
        entries,
        findings: gathered.count,
      }
      saveWhole(places.progress, JSON.stringify(state))
    }
    for (; known.line !== undefined; known.next()) gathered.compared(known.line, undefined, false)
  } finally {
    known.close()
    hints?.close()
  }
  gathered.save()
  const { packages = new PackageRecords() } = options
  const findings = packages
    ? await packages.judge(gathered.findings, header.made, places.owners)
    : gathered.findings
  dropProgress(places.progress)
  return {
    baseline: info,
    ...{ entries, bytes, findingsCut: gathered.cut, resumed: resume !== undefined },
    findings: findings.filter(({ expected }) => expected === undefined),
    expected: findings.filter(({ expected }) => expected !== undefined),
  }
}

function tellOf(line: string, each: (entry: Entry) => void): void {
  const entry = decodeEntry(line)
  if (entry) each(entry)
}

const pathOf = (line: string): string => unescapeBytes(line.slice(0, line.indexOf('\t')))

/** Walks both in step. `was` or `is` is undefined where one of them has no such path. */
function compare(
  text: string,
  known: { line: string | undefined; next(): void },
  differ: (was: string | undefined, is: string | undefined) => void,
): void {
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\n', start)
    const line = text.slice(start, end)
    start = end + 1
    if (known.line !== undefined && sameStable(line, known.line)) {
      known.next()
      continue
    }
    const path = pathOf(line)
    let order = known.line === undefined ? 1 : comparePaths(pathOf(known.line), path)
    for (; order < 0; order = known.line === undefined ? 1 : comparePaths(pathOf(known.line), path)) {
      differ(known.line, undefined)
      known.next()
    }
    if (order > 0) differ(undefined, line)
    else {
      if (!sameStable(line, known.line as string)) differ(known.line, line)
      known.next()
    }
  }
}

function sameStable(a: string, b: string): boolean {
  const end = a.lastIndexOf('\t')
  return end === b.lastIndexOf('\t') && a.slice(0, end) === b.slice(0, end)
}
