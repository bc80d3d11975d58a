/**
 * Whether a change is a package's doing: its file, changed within a transaction that dpkg's log or rpm's records tell of,
 * and holding what the package says. What a package owns is read when something has changed, and only for that.
 */

import { createHash } from 'node:crypto'
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { fromText, pathBytes } from './entry.ts'
import type { Finding } from './findings.ts'
import { rpmFiles } from './rpm.ts'

/** Where dpkg keeps its records; another root for tests. */
export interface PackagePlaces {
  dpkgInfo: string
  dpkgLog: string
  rpm: string
}

const systemPlaces: PackagePlaces = {
  dpkgInfo: '/var/lib/dpkg/info',
  dpkgLog: '/var/log/dpkg.log',
  rpm: '/usr/bin/rpm',
}

interface Transaction {
  verb: string
  version: string
  start: number
  end: number
}

interface Owner {
  /** With its architecture where the records have it: `libc6:amd64`. */
  name: string
  transactions: readonly Transaction[]
  /** The digest the package has for this path. */
  digest: { algorithm: 'md5' | 'sha256'; hex: string } | undefined
  /** It owned the path, and does not any more: it explains that the file is gone, and nothing else. */
  past?: boolean
}

type Judged = Finding & { raw?: string }

/** The log has whole seconds. */
const slackMs = 2000
/** Before the name of a package of rpm's, among what packages own. */
const rpmMark = 'rpm:'
/** By length in hex digits. */
const digests: Readonly<Record<number, 'md5' | 'sha256' | undefined>> = { 32: 'md5', 64: 'sha256' }

/** /bin may be a link to /usr/bin: packages name the one, walks find the other. */
function aliases(path: string): string[] {
  const merged = /^\/usr(\/(?:bin|sbin|lib|lib32|lib64|libx32)\/.*)$/s.exec(path)
  return merged ? [path, merged[1] as string] : [path]
}

function* lists(info: string): Generator<[name: string, paths: string[]]> {
  if (!existsSync(info)) return
  for (const file of readdirSync(info).sort())
    if (file.endsWith('.list'))
      yield [basename(file, '.list'), readFileSync(join(info, file), 'latin1').split('\n')]
}

/** `PACKAGE TAB PATH` lines of what packages own below some roots, kept with a baseline: a removed file has no owner any more. */
export async function ownersOf(
  roots: readonly string[],
  places: PackagePlaces = systemPlaces,
): Promise<string> {
  const tops = roots.map(fromText)
  const below = (path: string) => tops.some((top) => path.startsWith(top))
  const lines: string[] = []
  for (const [name, paths] of lists(places.dpkgInfo))
    for (const path of paths)
      if (path !== '' && (below(path) || below(`/usr${path}`))) lines.push(`${name}\t${path}\n`)
  if (existsSync(places.rpm))
    try {
      for await (const { name, path } of rpmFiles(places.rpm))
        if (below(path) || below(`/usr${path}`)) lines.push(`${rpmMark}${name}\t${path}\n`)
    } catch {
      // Then what its packages remove is a finding.
    }
  return lines.join('')
}

/** `[package, path]` of what packages owned at the baseline, by one package manager. */
function* keptOwners(file: string, mark: string): Generator<[name: string, path: string]> {
  if (!existsSync(file)) return
  for (const line of readFileSync(file, 'latin1').split('\n')) {
    const [marked = '', path] = line.split('\t')
    const of = marked.startsWith(rpmMark) ? rpmMark : ''
    if (path && of === mark) yield [marked.slice(of.length), path]
  }
}

export class PackageRecords {
  readonly places: PackagePlaces

  constructor(places: Partial<PackagePlaces> = {}) {
    this.places = { ...systemPlaces, ...places }
  }

  /**
   * @param since when the baseline was made, ms since the epoch
   * @param owners file with what packages owned then
   * @returns the findings; those that a package explains say so
   */
  async judge(findings: readonly Judged[], since: number, owners: string): Promise<Finding[]> {
    const asked = findings.filter(({ change }) => change !== 'unreadable')
    const paths = new Set(asked.map(({ raw = '' }) => raw))
    const found = paths.size > 0 ? await this.#owners(paths, owners) : new Map<string, Owner[]>()
    return findings.map(({ raw = '', ...finding }) => {
      const expected = reason(finding, raw, found.get(raw) ?? [], since)
      return expected === undefined ? finding : { ...finding, expected }
    })
  }

  async #owners(paths: ReadonlySet<string>, ownersFile: string): Promise<Map<string, Owner[]>> {
    const found = new Map<string, Owner[]>()
    const own = (path: string, owner: Owner) => found.set(path, [...(found.get(path) ?? []), owner])
    if (existsSync(this.places.dpkgInfo)) this.#dpkg(paths, ownersFile, own)
    // Where rpm does not answer nothing is expected on its account.
    if (existsSync(this.places.rpm)) await this.#rpm(paths, ownersFile, own).catch(() => {})
    return found
  }

  #dpkg(paths: ReadonlySet<string>, ownersFile: string, own: (path: string, owner: Owner) => void): void {
    const wanted = new Map<string, string>()
    for (const path of paths) for (const alias of aliases(path)) wanted.set(alias, path)
    const byPackage = new Map<string, Map<string, string>>()
    const owns = (name: string, alias: string) => {
      const path = wanted.get(alias)
      if (path === undefined) return
      const of = byPackage.get(name) ?? new Map<string, string>()
      byPackage.set(name, of.set(alias, path))
    }
    for (const [name, all] of lists(this.places.dpkgInfo)) for (const alias of all) owns(name, alias)
    for (const [name, alias] of keptOwners(ownersFile, '')) owns(name, alias)
    const transactions = this.#transactions()
    for (const [name, of] of byPackage) {
      const sums = this.#sums(name)
      for (const [alias, path] of of) {
        const hex = sums.get(alias.slice(1))
        own(path, {
          name,
          transactions: transactions.get(name) ?? transactions.get(name.split(':')[0] as string) ?? [],
          digest: hex === undefined ? undefined : { algorithm: 'md5', hex },
        })
      }
    }
  }

  #sums(name: string): Map<string, string> {
    const file = join(this.places.dpkgInfo, `${name}.md5sums`)
    if (!existsSync(file)) return new Map()
    const lines = readFileSync(file, 'latin1').split('\n')
    return new Map(lines.map((line) => [line.slice(34), line.slice(0, 32)]))
  }

  /** By package, with and without its architecture: of the log and the one before it. */
  #transactions(): Map<string, Transaction[]> {
    const { dpkgLog } = this.places
    const all = new Map<string, Transaction[]>()
    for (const file of [`${dpkgLog}.1`, dpkgLog]) {
      if (!existsSync(file)) continue
      for (const line of readFileSync(file, 'latin1').split('\n')) {
        const match =
          /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d) (install|upgrade|remove|purge|configure|status [a-z-]+) (\S+) (\S+)(?: (\S+))?/.exec(
            line,
          )
        if (!match) continue
        const [, year, month, day, hour, minute, second, verb = '', name = '', first = '', then] = match
        const at = new Date(+year!, +month! - 1, +day!, +hour!, +minute!, +second!).getTime()
        for (const key of new Set([name, name.split(':')[0] as string])) {
          const of = all.get(key) ?? []
          if (/^(install|upgrade|remove|purge)$/.test(verb))
            of.push({ verb, version: then && then !== '<none>' ? then : first, start: at, end: at })
          const last = of.at(-1)
          if (last) last.end = Math.max(last.end, at)
          if (of.length > 0) all.set(key, of)
        }
      }
    }
    return all
  }

  /** The files that packages own now; those that one owned at the baseline belong to its last transaction, or to its removal. */
  async #rpm(
    paths: ReadonlySet<string>,
    ownersFile: string,
    own: (path: string, owner: Owner) => void,
  ): Promise<void> {
    const wanted = new Map<string, string>()
    for (const path of paths) for (const alias of aliases(path)) wanted.set(alias, path)
    const owned = new Map<string, string>()
    for (const [name, alias] of keptOwners(ownersFile, rpmMark)) {
      const path = wanted.get(alias)
      if (path !== undefined) owned.set(path, name)
    }
    const before = new Set(owned.values())
    const installed = new Map<string, Transaction>()
    for await (const { name, version, start, end, path: alias, digest } of rpmFiles(this.places.rpm)) {
      const transaction = { verb: 'install', version, start, end }
      if (before.has(name)) installed.set(name, transaction)
      const path = wanted.get(alias)
      if (path === undefined) continue
      owned.delete(path)
      const algorithm = digests[digest.length]
      const hex = digest.toLowerCase()
      own(path, { name, transactions: [transaction], digest: algorithm ? { algorithm, hex } : undefined })
    }
    for (const [path, name] of owned) {
      const now = installed.get(name)
      // rpm keeps no record of what it removed: that the package is not there any more is all there is.
      const gone = now
        ? { ...now, verb: 'upgrade' }
        : { verb: 'remove', version: '', start: 0, end: Infinity }
      own(path, { name, transactions: [gone], digest: undefined, past: true })
    }
  }
}

function reason(finding: Finding, raw: string, owners: readonly Owner[], since: number): string | undefined {
  if (finding.change === 'unreadable') return undefined
  for (const { name, transactions, digest, past } of owners) {
    const after = transactions.filter(({ end }) => end + slackMs >= since)
    const told = ({ verb, version, end }: Transaction) =>
      Number.isFinite(end)
        ? `${name} ${version}: ${verb}, ${new Date(end).toISOString()}`
        : `${name}: ${verb}, some time since the baseline`
    if (finding.change === 'removed') {
      const gone = after.find(({ verb }) => verb !== 'install')
      if (gone) return told(gone)
      continue
    }
    if (past) continue
    const changed = changedAt(raw)
    const by = after.find(({ start, end }) => changed >= start - slackMs && changed <= end + slackMs)
    if (by && (digest === undefined || holds(raw, digest))) return told(by)
  }
  return undefined
}

function changedAt(path: string): number {
  try {
    return Number(lstatSync(pathBytes(path), { bigint: true }).ctimeNs / 1_000_000n)
  } catch {
    return Number.NaN
  }
}

function holds(path: string, { algorithm, hex }: NonNullable<Owner['digest']>): boolean {
  try {
    // Whatever stands there by now: no link is followed, and no FIFO waited for.
    const file = openSync(pathBytes(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      return (
        fstatSync(file).isFile() && createHash(algorithm).update(readFileSync(file)).digest('hex') === hex
      )
    } finally {
      closeSync(file)
    }
  } catch {
    return false
  }
}
