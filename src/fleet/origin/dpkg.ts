/** dpkg's records: `info/PACKAGE.list` (a path a line) and `status` (RFC 822 paragraphs). Formats: dpkg(1), deb-control(5). */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Installed, isPackageWord, type PackageManager, spellingsOf } from './packages.ts'

/** Larger files are not dpkg's: a desktop's status has 5 MB, its longest list (a kernel's headers) 3 MB. */
const fileBytesLimit = 64 * 1024 * 1024
const listsLimit = 20_000

const named = new Set(['Package', 'Version', 'Status', 'Architecture'])

/** Versions of what is installed, by package name (`name` and, of another architecture, `name:arch`). Pure. */
export function installedVersions(status: string): Map<string, string> {
  const versions = new Map<string, string>()
  let fields: Record<string, string> = {}
  const end = () => {
    const { Package: name, Version: version, Status: state, Architecture: architecture } = fields
    fields = {}
    if (!name || !version || !state?.endsWith(' installed')) return
    if (!isPackageWord(name) || !isPackageWord(version)) return
    versions.set(`${name}:${architecture ?? ''}`, version)
    if (!versions.has(name)) versions.set(name, version)
  }
  for (const line of status.split('\n'))
    if (line === '') end()
    else {
      const colon = line.indexOf(': ')
      const name = line.slice(0, colon)
      if (colon > 0 && named.has(name)) fields[name] = line.slice(colon + 2)
    }
  end()
  return versions
}

/** Of more than this all lines of a list are looked at; of fewer each is searched for. */
const searchedLimit = 8

/** Which of the wanted lines a list has. Pure. */
export function listed(list: string, wanted: readonly string[]): string[] {
  if (wanted.length > searchedLimit) {
    const lines = new Set(list.split('\n'))
    return wanted.filter((path) => lines.has(path))
  }
  return wanted.filter((path) => {
    for (let at = list.indexOf(path); at >= 0; at = list.indexOf(path, at + 1))
      if ((at === 0 || list[at - 1] === '\n') && (list[at + path.length] ?? '\n') === '\n') return true
    return false
  })
}

export class Dpkg implements PackageManager {
  readonly kind = 'dpkg'
  readonly #folder: string

  /** @param folder usually /var/lib/dpkg */
  constructor(folder = '/var/lib/dpkg') {
    this.#folder = folder
  }

  async stamp(): Promise<string | undefined> {
    try {
      const { mtimeMs, size, ino } = await stat(join(this.#folder, 'status'))
      return `${mtimeMs} ${size} ${ino}`
    } catch {
      return undefined
    }
  }

  async ownersOf(paths: readonly string[]): Promise<Map<string, Installed>> {
    const owners = new Map<string, Installed>()
    const of = new Map(paths.flatMap((path) => spellingsOf(path).map((spelling) => [spelling, path])))
    const waiting = new Set([...of.keys()].filter((path) => !path.includes('\n')))
    if (waiting.size === 0) return owners
    const status = await this.#read('status')
    if (status === undefined) return owners
    const versions = installedVersions(status)
    const lists = (await readdir(join(this.#folder, 'info')).catch(() => [])).filter((file) =>
      file.endsWith('.list'),
    )
    for (const file of lists.slice(0, listsLimit)) {
      if (waiting.size === 0) break
      const name = file.slice(0, -'.list'.length)
      const version = versions.get(name)
      const list = version === undefined ? undefined : await this.#read(join('info', file))
      if (version === undefined || list === undefined) continue
      const found = listed(list, [...waiting])
      if (found.length === 0) continue
      // dpkg writes the list anew whenever it unpacks the package.
      const { mtimeMs } = await stat(join(this.#folder, 'info', file))
      for (const spelling of found) {
        const path = of.get(spelling) as string
        owners.set(path, { name: name.split(':')[0] as string, version, installed: mtimeMs })
        for (const other of spellingsOf(path)) waiting.delete(other)
      }
    }
    return owners
  }

  async #read(name: string): Promise<string | undefined> {
    try {
      const file = join(this.#folder, name)
      if ((await stat(file)).size > fileBytesLimit) return undefined
      return await readFile(file, 'utf8')
    } catch {
      return undefined
    }
  }
}
