/** rpm's records, through its own command: the database has had four formats. */
import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import { type Installed, isPackageWord, type PackageManager } from './packages.ts'

const run = promisify(execFile)
const timeoutMs = 10_000

/** Where a database of rpm may be; the first that is there. */
const databases = [
  '/usr/lib/sysimage/rpm/rpmdb.sqlite',
  '/var/lib/rpm/rpmdb.sqlite',
  '/usr/lib/sysimage/rpm/Packages.db',
  '/var/lib/rpm/Packages.db',
  '/var/lib/rpm/Packages',
]

export class Rpm implements PackageManager {
  readonly kind = 'rpm'
  readonly #command: string
  readonly #databases: readonly string[]

  constructor(command = 'rpm', files: readonly string[] = databases) {
    this.#command = command
    this.#databases = files
  }

  async stamp(): Promise<string | undefined> {
    for (const file of this.#databases)
      try {
        const { mtimeMs, size } = await stat(file)
        // sqlite writes its log first, and the database when it is checkpointed.
        const log = await stat(`${file}-wal`).catch(() => undefined)
        return `${mtimeMs} ${size} ${log?.mtimeMs ?? 0} ${log?.size ?? 0}`
      } catch {}
    return undefined
  }

  async ownersOf(paths: readonly string[]): Promise<Map<string, Installed>> {
    const owners = new Map<string, Installed>()
    for (const path of paths) {
      const owner = await this.#ownerOf(path)
      if (owner) owners.set(path, owner)
    }
    return owners
  }

  async #ownerOf(path: string): Promise<Installed | undefined> {
    try {
      const format = '%{NAME} %{EPOCHNUM}:%{VERSION}-%{RELEASE} %{INSTALLTIME}\\n'
      const { stdout } = await run(this.#command, ['-qf', '--qf', format, '--', path], {
        timeout: timeoutMs,
        maxBuffer: 64 * 1024,
        env: { ...process.env, LC_ALL: 'C' },
      })
      const [name = '', version = '', seconds = ''] = (stdout.split('\n')[0] ?? '').split(' ')
      return isPackageWord(name) && isPackageWord(version)
        ? { name, version: version.replace(/^0:/, ''), installed: Number(seconds) * 1000 || 0 }
        : undefined
    } catch {
      // Owned by none, or rpm has gone.
      return undefined
    }
  }
}
