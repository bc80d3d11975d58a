/** Watches for programs whose file is another now: the change is judged, the old profile kept, and both compared. */
import { stat } from 'node:fs/promises'
import { ChangeBook, changeMessage, codesOf, type FileChange, jaccard } from '#fleet'
import { tableInForce } from '#homeostasis'
import { CHANGED_KIND, toFileSemaphore } from '#incidents'
import type { SensorEvent } from '#sensor'
import type { Repository } from '#store'
import { DaemonError } from '../errors.ts'
import type { ProfileSaves } from '../profiles/saves.ts'
import { nameOf } from '../profiles/tracked.ts'
import type { FleetHost } from './host.ts'
import type { OwnFleet } from './own.ts'

/** Of the newest, the mesh is told. */
const toldMost = 64
/** The package manager's records are asked for an undecided change this often. */
const decideEveryMs = 15_000

export interface UpgradePorts {
  host: FleetHost
  saves: ProfileSaves
  own: OwnFleet
  kept: Repository<string, FileChange>
  say: (level: 1 | 2 | 3 | 4, line: string) => void
}

/** As it is shown: with how many members of the mesh run the new content. */
export type ChangeRow = FileChange & { peers: number }

export class Upgrades {
  readonly #ports: UpgradePorts
  readonly #book = new ChangeBook()
  #decided = Number.NEGATIVE_INFINITY

  constructor(ports: UpgradePorts) {
    this.#ports = ports
  }

  async restore(): Promise<void> {
    const kept: FileChange[] = []
    for await (const [, change] of this.#ports.kept.list()) kept.push(change)
    this.#book.restore(kept)
    this.#keepOld()
  }

  /** A sensor's word on what a program's file holds. */
  async take(event: Extract<SensorEvent, { type: 'identity' | 'file-changed' }>): Promise<void> {
    const { host, saves, say } = this.#ports
    const executable = host.detector?.live.get(event.profile)?.executable
    if (!executable || executable.deleted) return
    const { path, abi } = executable
    const { window } = host.settings
    const of = [...saves.rows.values()].filter(
      (row) => row.binary === path && row.abi === abi && row.window === window && row.sha256 !== '',
    )
    if (of.length === 0 || of.some(({ sha256 }) => sha256 === event.file.sha256)) return
    // A container's program of the same path is another program, not a change of this one.
    const here = await stat(path, { bigint: true }).catch(() => undefined)
    if (String(here?.ino) !== executable.inode) return
    const [old] = of.sort((a, b) => b.made - a.made)
    // A profile that only was imported is of a file that never was here.
    if (!old || (await saves.find(old))?.stored.executable.inode === '0') return
    const change = this.#book.add({
      ...{ binary: path, abi, window },
      from: old.sha256,
      to: event.file.sha256,
      at: host.now(),
      placed: event.file.ctimeMs,
    })
    if (!change) return
    say(4, `${path} runs with another content; the package manager is asked`)
    this.#keepOld()
    this.#decided = Number.NEGATIVE_INFINITY
    await this.#put(change)
  }

  /** Call it every few seconds. */
  async keepHouse(): Promise<void> {
    const { host, own, say } = this.#ports
    const now = host.now()
    if (now - this.#decided < decideEveryMs) return
    this.#decided = now
    for (const { id, binary } of this.#book.pending()) {
      const change = this.#book.decide(id, await own.origins.ownerOf(binary), now)
      if (!change) continue
      await this.#put(change)
      say(change.verdict === 'expected' ? 2 : 1, changeMessage(change))
      host.followEvents.tell({ type: 'change', change })
      const { from: before, to: sha256, package: owner } = change
      const expected = change.verdict === 'expected' && owner ? `${owner.name} ${owner.version}` : undefined
      host.records.tell({
        ...{ kind: 'binary', change: 'changed', binary, sha256, before },
        ...(expected ? { expected } : {}),
      })
    }
    for (const change of this.#book.uncompared()) await this.#compare(change)
    this.#settle()
  }

  async #compare(change: FileChange): Promise<void> {
    const { host, saves } = this.#ports
    const { binary, abi, window, from, to } = change
    const key = (sha256: string) => ({ binary, abi, window, sha256 })
    const state = host.operator.rows().find((row) => nameOf(row) === nameOf(key(to)))?.state
    if (state !== 'normal') return
    const [before, after] = [await saves.find(key(from)), await saves.find(key(to))]
    if (!after) return
    const [older, newer] = [before, after].map(
      (one) => new Set(one ? codesOf(tableInForce(one.record)) : []),
    ) as [Set<number>, Set<number>]
    this.#book.compare(change.id, {
      at: host.now(),
      distance: jaccard(older, newer),
      pairs: newer.size,
      onlyOld: [...older].filter((code) => !newer.has(code)).length,
      onlyNew: [...newer].filter((code) => !older.has(code)).length,
    })
    this.#keepOld()
    await this.#put(change)
  }

  /** Profiles that are not to be given up while what follows them still learns. */
  #keepOld(): void {
    const { saves } = this.#ports
    saves.kept.clear()
    for (const { binary, abi, window, from } of this.#book.uncompared())
      saves.kept.add(nameOf({ binary, abi, window, sha256: from }))
  }

  #settle(): void {
    const { classes, mesh, now } = this.#ports.host
    const standing = this.#book.standing().sort((a, b) => a.at - b.at)
    if (standing.length > 0) classes.set(CHANGED_KIND, 'fleet', 0, now())
    else classes.unset(CHANGED_KIND, 'fleet')
    // One semaphore a binary: of several changes the newest is told.
    void mesh.stand(
      'file',
      standing.slice(-toldMost).map((change) => toFileSemaphore(change, now())),
    )
  }

  async #put(change: FileChange): Promise<void> {
    const { kept } = this.#ports
    await kept.put(change.id, change)
    const ids = new Set(this.#book.list().map(({ id }) => id))
    for await (const [id] of kept.list()) if (!ids.has(id)) await kept.del(id)
  }

  list(): ChangeRow[] {
    const { mesh } = this.#ports.host
    return this.#book.list().map((change) => {
      const same = mesh.digests.of(change.binary).filter(({ digest }) => digest.sha256 === change.to)
      return { ...change, peers: new Set(same.map(({ peer }) => peer)).size }
    })
  }

  async acknowledge(id: string): Promise<FileChange> {
    const change = this.#book.acknowledge(id)
    if (!change) throw new DaemonError(`no change is called "${id}": see lymph fleet changes`)
    await this.#put(change)
    this.#settle()
    return change
  }
}
