/** A sensor whose programs do what a test tells them, over pH's own core; and a host put together around it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  DEFAULT_SETTINGS,
  emptyTables,
  mergeTables,
  type OperatorVerb,
  Profile,
  type ProfileTables,
  type Task,
  takeTables,
} from '#homeostasis'
import type {
  Executable,
  ProcessState,
  ProfileCounters,
  SavedProfile,
  Sensor,
  SensorEvent,
  SensorSettings,
  SensorTotals,
} from '#sensor'

export const totals: SensorTotals = {
  seen: 0,
  processed: 0,
  skipped: 0,
  lost: 0,
  lostEvents: 0,
  profiles: 0,
  profilesLimit: 100,
  rows: 0,
  rowsLimit: 100,
  evictions: 0,
  rowsRefused: 0,
  delayedNow: 0,
  delays: 0,
  runTimeNs: 0,
  runs: 0,
}

export class FakeSensor implements Sensor {
  readonly kind = 'kernel'
  readonly #profiles = new Map<number, { profile: Profile; task: Task }>()
  readonly units = new Map<number, number>()
  #tell: (event: SensorEvent) => void = () => {}
  #settings = { ...DEFAULT_SETTINGS }
  started: SavedProfile[] = []
  /** Set: reading tables fails with it. */
  broken: Error | undefined

  onEvent(listener: (event: SensorEvent) => void): void {
    this.#tell = listener
  }

  async start(settings: SensorSettings, saved: SavedProfile[]): Promise<void> {
    await this.configure(settings)
    this.started = saved
  }

  async configure({ window }: SensorSettings): Promise<void> {
    const other = window !== this.#settings.window
    this.#settings.window = window
    if (other) for (const [id, { profile }] of this.#profiles) this.#begin(id, profile.key.binary)
  }

  #begin(id: number, binary: string): void {
    const key = { binary, abi: 'x86-64' as const, window: this.#settings.window, sha256: '' }
    const profile = new Profile(key, this.#settings)
    this.#profiles.set(id, { profile, task: profile.begin() })
  }

  /** A program is seen for the first time, in this mount namespace. */
  appear(id: number, path: string, sha256: string, mountNamespace = 1): void {
    this.#begin(id, path)
    const executable: Executable = {
      path,
      abi: 'x86-64',
      device: 1,
      inode: String(id),
      generation: 1,
      mountNamespace,
      deleted: false,
    }
    this.#tell({ type: 'profile', profile: id, executable, pid: id, at: 0 })
    this.#tell({
      type: 'identity',
      profile: id,
      file: { sha256, sizeBytes: 1, mtimeMs: 1, ctimeMs: 1 },
    })
  }

  /** It makes these calls; every new pair and anomaly is told. */
  call(id: number, ...calls: number[]): void {
    const { profile, task } = this.#of(id)
    for (const current of calls) {
      const outcome = profile.process(task, current, 0)
      const where = { profile: id, pid: id, tid: id, taskCalls: task.calls, at: 0 }
      if (outcome.trainMisses > 0)
        this.#tell({ type: 'novelty', ...where, current, previous: [], missing: outcome.missingTrain })
      if (outcome.anomalous)
        this.#tell({
          type: 'anomaly',
          ...where,
          current,
          previous: [],
          missing: outcome.missingTest,
          lfc: outcome.lfc,
          maxLfc: outcome.lfc,
          anomalies: profile.anomalies,
        })
    }
  }

  /** One of its processes makes a call that is new after the calls before it, nearest first. */
  stray(id: number, pid: number, current: number, previous: number[], missing: number, lfc = 1): void {
    const { profile } = this.#of(id)
    const where = { profile: id, pid, tid: pid, taskCalls: 100, at: 0 }
    const { anomalies } = profile
    this.#tell({ type: 'anomaly', ...where, current, previous, missing, lfc, maxLfc: lfc, anomalies })
  }

  tick(): void {
    const counters = [...this.#profiles].map(([id, { profile }]): ProfileCounters => {
      const { trainCount, lastModCount, sequences } = profile.train
      return {
        profile: id,
        calls: profile.calls,
        trainCount,
        lastModCount,
        sequences,
        anomalies: profile.anomalies,
        normal: profile.normal,
        tasks: 1,
        delayUnitMs: this.units.get(id) ?? 0,
      }
    })
    this.#tell({ type: 'tick', totals, counters, at: 0 })
  }

  async evict(id: number): Promise<void> {
    const tables = await this.tables(id)
    this.#profiles.delete(id)
    this.#tell({ type: 'evicted', profile: id, tables })
  }

  /** The sensor process died and another took its place: it knows nothing. */
  restart(): void {
    this.#profiles.clear()
    this.#tell({ type: 'gone', reason: 'killed' })
  }

  #of(id: number): { profile: Profile; task: Task } {
    const found = this.#profiles.get(id)
    if (!found) throw new RangeError(`no profile ${id}`)
    return found
  }

  async load(id: number, tables: ProfileTables): Promise<void> {
    const { profile } = this.#of(id)
    takeTables(profile, mergeTables(tables, profile.toTables()))
  }

  async tables(id: number): Promise<ProfileTables> {
    if (this.broken) throw this.broken
    return this.#profiles.get(id)?.profile.toTables() ?? emptyTables()
  }

  async act(id: number, verb: OperatorVerb, lastModified?: number): Promise<boolean> {
    const { profile } = this.#of(id)
    if (lastModified !== undefined && profile.calls - profile.train.lastModCount !== lastModified)
      return false
    profile.act(verb)
    return true
  }

  async respond(id: number, unitMs: number): Promise<void> {
    this.units.set(id, unitMs)
  }

  async processes(): Promise<ProcessState[]> {
    return [...this.#profiles].map(([id, { task }]) => ({
      pid: id,
      profile: id,
      calls: task.calls,
      lfc: task.lfc,
      maxLfc: task.maxLfc,
      delayedMs: 0,
    }))
  }

  async stop(): Promise<void> {}
}

/** A folder that goes with the test. */
export function scratch(t: { after: (end: () => void) => void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'lymph-daemon-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
