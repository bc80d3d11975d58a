/** Outliers and reports: what is said of one binary on all its hosts, and of the hosts themselves. */
import {
  COMPARED_MOST,
  type Comparison,
  compare,
  type Digest,
  FleetProfile,
  type OutlierReport,
  outlierReport,
  outlierReportText,
  type ProgramUse,
  programUse,
  Stability,
  type StabilityHour,
} from '#fleet'
import { type ProfileRecord, tableInForce } from '#homeostasis'
import type { Repository } from '#store'
import type { Abi } from '#syscalls'
import { DaemonError } from '../errors.ts'
import type { FleetComparer, Gathered } from './comparing.ts'
import { gatherFor, type LeftOut } from './gather.ts'
import type { FleetHost } from './host.ts'
import type { OwnFleet } from './own.ts'

/** Bodies a report is made of at most. */
const reportedHosts = 64
const lookEveryMs = 60_000
const saveEveryMs = 10 * 60_000

export interface BinaryReport {
  binary: string
  abi?: Abi
  comparison: Comparison
  use: ProgramUse
  /** Levels 0..3 for each hour of the week from Monday 00:00 UTC, of hosts that tell. */
  hours: { name: string; hours: number[] }[]
  refused: LeftOut[]
}

export interface HostsReport {
  hosts: {
    name: string
    profiles: number
    normal: number
    calls: number
    anomalies: number
    /** Anomalous calls of a million, and profiles that have any. */
    perMillion: number
    withAnomalies: number
  }[]
  /** Of this host: processes that ran and that had anomalies, hour by hour, oldest first. */
  stability: StabilityHour[]
}

export type Outliers = OutlierReport & { binary: string; text: string; refused: LeftOut[] }

export class Reporting {
  readonly #host: FleetHost
  readonly #own: OwnFleet
  readonly #comparer: FleetComparer
  readonly #kept: Repository<string, StabilityHour[]>
  readonly #stability = new Stability()
  #looked = Number.NEGATIVE_INFINITY
  #saved: number

  constructor(
    host: FleetHost,
    own: OwnFleet,
    comparer: FleetComparer,
    kept: Repository<string, StabilityHour[]>,
  ) {
    this.#host = host
    this.#own = own
    this.#comparer = comparer
    this.#kept = kept
    this.#saved = host.now()
  }

  async restore(): Promise<void> {
    this.#stability.restore((await this.#kept.get('hours')) ?? [])
  }

  /** A look a minute at the processes that run. Call it every few seconds. */
  async keepHouse(): Promise<void> {
    const now = this.#host.now()
    if (now - this.#looked < lookEveryMs || !this.#host.detector) return
    this.#looked = now
    const running = await this.#host.detector.processes()
    this.#stability.add(running.length, running.filter(({ lfc }) => lfc > 0).length, now)
    if (now - this.#saved < saveEveryMs) return
    this.#saved = now
    await this.save()
  }

  async save(): Promise<void> {
    await this.#kept.put('hours', this.#stability.hours())
  }

  /** Who has late, and again and again, what nobody else has: verified bodies of up to 64 hosts of one content. */
  async outliers(binary: string): Promise<Outliers> {
    const { meshName } = this.#host
    const gathered = await this.#gather(binary, COMPARED_MOST)
    const { own, profiles } = gathered
    const all = [
      ...(own ? [{ name: meshName, profile: own }] : []),
      ...profiles.map(({ name, profile }) => ({ name, profile })),
    ]
    const sha256 = own?.key.sha256 ?? most(all.map(({ profile }) => profile.key.sha256))
    const same = all.filter(({ profile }) => profile.key.sha256 === sha256).slice(0, COMPARED_MOST)
    const refused = [
      ...gathered.refused,
      ...all
        .filter(({ profile }) => profile.key.sha256 !== sha256)
        .map(({ name }) => ({ name, peer: '', reason: `${name}: its file has another content` })),
    ]
    const window = same[0]?.profile.key.window ?? this.#host.settings.window
    const compared = same.map(({ name, profile }) => ({ host: name, profile: FleetProfile.of(profile) }))
    const report = outlierReport(compared, { window })
    const uncounted = compared.filter(({ profile }) => profile.processes === 0).length
    const note =
      uncounted > 0 && !report.tooFew
        ? `\n${uncounted} of ${compared.length} hosts do not count by how many processes a pair was shown: of them nothing can be late`
        : ''
    return { ...report, binary: gathered.binary, text: outlierReportText(report) + note, refused }
  }

  async binary(binary: string): Promise<BinaryReport> {
    const { meshName } = this.#host
    const { binary: path, own, profiles, refused } = await this.#gather(binary, reportedHosts)
    const tables = profiles.map(({ name, profile }) => ({ name, ...tabled(profile) }))
    if (own) tables.unshift({ name: meshName, ...tabled(own) })
    const comparison = compare(path, tables)
    const named = comparison.hosts.map(({ name }, place) => ({ name, table: tables[place]?.table }))
    const abi = own?.key.abi ?? profiles[0]?.profile.key.abi
    const weeks: { name: string; digest: Digest | undefined }[] = [
      { name: meshName, digest: this.#own.digests().find((one) => one.binary === path) },
      ...profiles.map(({ name, digest }) => ({ name, digest })),
    ]
    return {
      binary: path,
      ...(abi ? { abi } : {}),
      comparison,
      use: programUse(named.flatMap(({ name, table }) => (table ? [{ name, table }] : []))),
      hours: weeks.flatMap(({ name, digest }) => (digest?.hours ? [{ name, hours: [...digest.hours] }] : [])),
      refused,
    }
  }

  async hosts(): Promise<HostsReport> {
    const { mesh, meshName } = this.#host
    await gatherFor(this.#host, 'all')
    const of = new Map<string, { name: string; digests: Digest[] }>()
    of.set(mesh.peer, { name: meshName, digests: this.#own.digests() })
    for (const { peer, name, digest } of mesh.digests.all()) {
      const held = of.get(peer) ?? { name, digests: [] }
      held.digests.push(digest)
      of.set(peer, held)
    }
    const hosts = [...of.values()].map(({ name, digests }) => {
      const calls = digests.reduce((sum, one) => sum + one.calls, 0)
      const anomalies = digests.reduce((sum, one) => sum + one.anomalies, 0)
      return {
        name,
        profiles: digests.length,
        normal: digests.filter(({ state }) => state === 'normal').length,
        calls,
        anomalies,
        perMillion: calls === 0 ? 0 : (anomalies * 1e6) / calls,
        withAnomalies: digests.filter((one) => one.anomalies > 0).length,
      }
    })
    return { hosts: hosts.sort((a, b) => b.perMillion - a.perMillion), stability: this.#stability.hours() }
  }

  async #gather(binary: string, limit: number): Promise<Gathered> {
    const gathered = await this.#comparer.gather(binary, [], limit)
    if (!gathered.own && gathered.profiles.length === 0)
      throw new DaemonError(
        `no host has a profile of "${gathered.binary}" to compare: see lymph fleet binaries`,
        1,
      )
    return gathered
  }
}

const tabled = (profile: ProfileRecord) => ({
  sha256: profile.key.sha256,
  table: tableInForce(profile),
})

function most(values: readonly string[]): string | undefined {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0]
}
