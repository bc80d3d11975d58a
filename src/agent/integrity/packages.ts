/**
 * Whether a change is a package's doing: its file, changed within a transaction that dpkg's log or rpm's records tell of,
 * and holding what the package says. What a package owns is read when something has changed, and only for that.
 */

import { execFile } from 'node:child_process'
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
import { promisify } from 'node:util'
import { fromText, pathBytes } from './entry.ts'
import type { Finding } from './findings.ts'

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
}

type Judged = Finding & { raw?: string }

/** The log has whole seconds. */
const slackMs = 2000
const rpmLotPaths = 500
const rpmLimits = { timeout: 60_000, maxBuffer: 64 * 1024 * 1024 }
/** rpm tells when a package was in, not when it began. */
const rpmLongestMs = 30 * 60_000

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
export function ownersOf(roots: readonly string[], places: PackagePlaces = systemPlaces): string {
  const tops = roots.map(fromText)
  const below = (path: string) => tops.some((top) => path.startsWith(top))
  const lines: string[] = []
  for (const [name, paths] of lists(places.dpkgInfo))
    for (const path of paths)
      if (path !== '' && (below(path) || below(`/usr${path}`))) lines.push(`${name}\t${path}\n`)
  return lines.join('')
}

export class PackageRecords {
  readonly #places: PackagePlaces

  constructor(places: Partial<PackagePlaces> = {}) {
    this.#places = { ...systemPlaces, ...places }
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
    if (existsSync(this.#places.dpkgInfo)) this.#dpkg(paths, ownersFile, own)
    if (existsSync(this.#places.rpm)) await this.#rpm(paths, own)
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
    for (const [name, all] of lists(this.#places.dpkgInfo)) for (const alias of all) owns(name, alias)
    if (existsSync(ownersFile))
      for (const line of readFileSync(ownersFile, 'latin1').split('\n')) {
        const [name, alias] = line.split('\t')
        if (name && alias) owns(name, alias)
      }
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
    const file = join(this.#places.dpkgInfo, `${name}.md5sums`)
    if (!existsSync(file)) return new Map()
    const lines = readFileSync(file, 'latin1').split('\n')
    return new Map(lines.map((line) => [line.slice(34), line.slice(0, 32)]))
  }

  /** By package, with and without its architecture: of the log and the one before it. */
  #transactions(): Map<string, Transaction[]> {
    const { dpkgLog } = this.#places
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

  async #rpm(paths: ReadonlySet<string>, own: (path: string, owner: Owner) => void): Promise<void> {
    // Paths that are no UTF-8 cannot be told to rpm as an argument of ours.
    const names = [...paths].filter((path) => pathBytes(path).toString('utf8') !== '' && !path.includes('\n'))
    for (let at = 0; at < names.length; at += rpmLotPaths)
      for (const path of names.slice(at, at + rpmLotPaths)) {
        const text = pathBytes(path).toString('utf8')
        const format =
          '%{NAME}\\t%{VERSION}-%{RELEASE}\\t%{INSTALLTIME}\\t[%{FILENAMES}\\v%{FILEDIGESTS}\\v]\\n'
        const answer = await promisify(execFile)(
          this.#places.rpm,
          ['-qf', '--qf', format, '--', text],
          rpmLimits,
        ).catch(() => undefined)
        const [name, version = '', installed = '', files = ''] =
          answer?.stdout.split('\n')[0]?.split('\t') ?? []
        if (!name || !/^\d+$/.test(installed)) continue
        const listed = files.split('\v')
        const hex = listed[listed.indexOf(text) + 1] ?? ''
        const end = Number(installed) * 1000
        own(path, {
          name,
          transactions: [{ verb: 'install', version, start: end - rpmLongestMs, end }],
          digest: /^[0-9a-f]{64}$/.test(hex) ? { algorithm: 'sha256', hex } : undefined,
        })
      }
  }
}

function reason(finding: Finding, raw: string, owners: readonly Owner[], since: number): string | undefined {
  if (finding.change === 'unreadable') return undefined
  for (const { name, transactions, digest } of owners) {
    const after = transactions.filter(({ end }) => end + slackMs >= since)
    const told = ({ verb, version, end }: Transaction) =>
      `${name} ${version}: ${verb}, ${new Date(end).toISOString()}`
    if (finding.change === 'removed') {
      const gone = after.find(({ verb }) => verb !== 'install')
      if (gone) return told(gone)
      continue
    }
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
