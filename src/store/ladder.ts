import { mkdir, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import { type Database, database } from './engine.ts'
import { meaning, StoreError } from './errors.ts'
import { leaveName, lockedError } from './owner.ts'
import { storeErrorFrom } from './space.ts'

export type LogLevel = 'info' | 'warn' | 'error'
export type Log = (level: LogLevel, message: string) => void

/** One rung taken at start-up. */
export interface Step {
  step: 'open' | 'repair' | 'verify' | 'empty'
  ok: boolean
  detail: string
  /** ms since the epoch */
  at: number
}

/** Folder of LevelDB inside the store's. Below it, so that damage can be moved aside without rights on the state folder. */
const databaseFolder = 'level'
const asidePrefix = 'damaged-'

/** The package's types leave it out. Rebuilds what can be read; what cannot goes to a folder `lost`. */
const repair = (location: string): Promise<void> =>
  (Level as unknown as { repair(location: string): Promise<void> }).repair(location)

/**
 * Start-up: open and verify; if damaged, repair, open and verify; if still damaged, move the damaged folder aside
 * (it is never deleted) and start empty. A full disk, a missing right or another owner is no damage: those are thrown
 * and nothing is touched. `verify` reads everything and throws where LevelDB cannot.
 */
export class Ladder {
  readonly steps: Step[] = []
  readonly #folder: string
  readonly #now: () => number
  readonly #log: Log

  constructor(folder: string, now: () => number, log: Log) {
    this.#folder = folder
    this.#now = now
    this.#log = log
  }

  async climb<Census>(
    verify: (open: Database) => Promise<Census>,
  ): Promise<{ state: 'ok' | 'repaired' | 'emptied'; database: Database; census: Census }> {
    await this.#makeFolder()
    const location = join(this.#folder, databaseFolder)
    const first = await this.#attempt(location, verify, !(await withoutCurrent(location)))
    if (first) return { state: 'ok', ...first }

    try {
      await repair(location)
      this.#note('repair', true, 'LevelDB rebuilt what can be read')
    } catch (error) {
      await this.#throwUnlessDamage(error)
      this.#note('repair', false, meaning(error).text)
    }
    const second = await this.#attempt(location, verify, true)
    if (second) return { state: 'repaired', ...second }

    const aside = await this.#moveAside(location)
    this.#note('empty', true, `starts empty; the damaged store is kept in ${aside}`)
    const third = await this.#attempt(location, verify, true)
    if (third) return { state: 'emptied', ...third }
    throw new StoreError(
      'damaged',
      this.#folder,
      `cannot open ${this.#folder}: even an empty store does not hold there; check the disk (dmesg), or use another folder with --state DIR`,
    )
  }

  async #makeFolder(): Promise<void> {
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    } catch (error) {
      throw await storeErrorFrom('cannot make the store', this.#folder, error)
    }
  }

  /** Undefined when it is damaged. */
  async #attempt<Census>(
    location: string,
    verify: (open: Database) => Promise<Census>,
    openable: boolean,
  ): Promise<{ database: Database; census: Census } | undefined> {
    if (!openable) {
      // LevelDB would take it for a new database and make an empty one over the old.
      this.#note('open', false, 'there are tables but no CURRENT file to name the newest')
      return undefined
    }
    const opened = database(location)
    try {
      await opened.open()
    } catch (error) {
      await this.#throwUnlessDamage(error)
      this.#note('open', false, meaning(error).text)
      return undefined
    }
    await leaveName(this.#folder)
    try {
      const census = await verify(opened)
      if (this.steps.length > 0) this.#note('verify', true, 'every record can be read')
      return { database: opened, census }
    } catch (error) {
      await opened.close()
      await this.#throwUnlessDamage(error)
      this.#note('verify', false, meaning(error).text)
      return undefined
    }
  }

  async #throwUnlessDamage(error: unknown): Promise<void> {
    const { code } = meaning(error)
    if (code === 'locked') throw await lockedError(this.#folder, error)
    if (code !== 'damaged') throw await storeErrorFrom('cannot open the store', this.#folder, error)
  }

  async #moveAside(location: string): Promise<string> {
    const stamp = new Date(this.#now()).toISOString().replaceAll(/[-:]|\.\d+/g, '')
    const taken = new Set(await readdir(this.#folder))
    let name = asidePrefix + stamp
    for (let n = 2; taken.has(name); n++) name = `${asidePrefix}${stamp}-${n}`
    const aside = join(this.#folder, name)
    try {
      await rename(location, aside)
    } catch (error) {
      throw await storeErrorFrom('cannot move the damaged store aside', this.#folder, error)
    }
    return aside
  }

  #note(step: Step['step'], ok: boolean, detail: string): void {
    this.steps.push({ step, ok, detail, at: this.#now() })
    const level = step === 'empty' ? 'error' : ok ? 'info' : 'warn'
    this.#log(level, `store ${this.#folder}: ${step}${ok ? '' : ' failed'}: ${detail}`)
  }
}

async function withoutCurrent(location: string): Promise<boolean> {
  const names = await readdir(location).catch(() => [] as string[])
  return !names.includes('CURRENT') && names.some((name) => /\.(ldb|sst|log)$|^MANIFEST-/.test(name))
}

/** Damaged stores kept so far: whoever wonders where the disk went can be told. */
export async function asideFolders(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [] as string[])
  return names
    .filter((name) => name.startsWith(asidePrefix))
    .sort()
    .map((name) => join(folder, name))
}
