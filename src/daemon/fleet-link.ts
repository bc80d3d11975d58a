/** This host's profiles and those of its peers: digests told, bodies given, binaries compared. */
import { subjectOf } from '#classes'
import {
  binaries,
  type Comparison,
  compare,
  type Digest,
  type FleetBinary,
  makeDigest,
  type OwnProfiles,
} from '#fleet'
import { decodeProfile, type ProfileRecord, profileFileHash, tableInForce } from '#homeostasis'
import type { Abi } from '#syscalls'
import { DaemonError } from './errors.ts'
import type { Host } from './host.ts'
import type { ProfileSaves } from './saves.ts'

/** What peers may have: the profile file as of now, with its digest. */
export function ownProfiles(host: Host): OwnProfiles {
  return {
    find: async (query) => {
      const file = await host.operator.body(query)
      return file && { digest: digestOf(host, decodeProfile(file), file), file }
    },
  }
}

function digestOf(host: Host, record: ProfileRecord, file: Uint8Array): Digest {
  const totals = host.detector?.totals
  const lost = totals && totals.seen > 0 ? totals.lost / totals.seen : 0
  return makeDigest(record, file, { lost, made: host.now() })
}

export class FleetLink {
  readonly #host: Host
  readonly #saves: ProfileSaves
  readonly #complain: (line: string) => void

  constructor(host: Host, saves: ProfileSaves, complain: (line: string) => void) {
    this.#host = host
    this.#saves = saves
    this.#complain = complain
  }

  /** Tells the mesh of what is saved; the exchange keeps its own rate. Call it every few seconds. */
  async announce(): Promise<void> {
    const { exchange } = this.#host.mesh
    if (!exchange) return
    const rows = [...this.#saves.rows.values()].filter(({ sha256 }) => sha256 !== '')
    const bySubject = rows.map((row) => ({ ...row, binary: subjectOf(row.binary), path: row.binary }))
    const { error } = await exchange.announce(bySubject, async (row) => {
      const saved = await this.#saves.find({ ...row, binary: row.path })
      return saved && digestOf(this.#host, saved.record, saved.stored.file)
    })
    if (error) this.#complain(`a digest was not published: ${error.message}; it is tried again`)
  }

  binaries(): FleetBinary[] {
    const { mesh, meshName, since } = this.#host
    const digests: Digest[] = [...this.#saves.rows.values()].map((row) => ({
      ...row,
      binary: subjectOf(row.binary),
      sequences: 0,
      since,
      made: this.#host.now(),
      lost: 0,
      body: { sha256: profileFileHash(new Uint8Array()), bytes: 0 },
    }))
    return binaries(mesh.digests, { name: meshName, peer: mesh.peer, digests })
  }

  /** Fetches the profiles of the hosts named, or of all that have the binary, and compares them with this host's. */
  async compare(
    binary: string,
    names: string[],
  ): Promise<Comparison & { abi?: Abi; refused: { name: string; reason: string }[] }> {
    const { mesh, meshName, settings } = this.#host
    if (!mesh.exchange) throw new DaemonError('this host is in no mesh: there is nobody to compare with')
    const ownFile = await this.#host.operator.body({ binary })
    const own = ownFile && decodeProfile(ownFile)
    const path = own ? subjectOf(own.key.binary) : binary
    const holders = mesh.holders(path, names)
    const query = { binary: path, abi: own?.key.abi, window: own?.key.window ?? settings.window }
    const { profiles, refused } = await mesh.exchange.fetchAll(holders, query)
    const hosts = profiles.map(({ name, profile }) => ({
      name,
      sha256: profile.key.sha256,
      table: tableInForce(profile),
    }))
    if (own) hosts.unshift({ name: meshName, sha256: own.key.sha256, table: tableInForce(own) })
    if (hosts.length === 0)
      throw new DaemonError(`no host has a profile of "${binary}" to compare: see lymph fleet binaries`, 1)
    const abi = own?.key.abi ?? profiles[0]?.profile.key.abi
    return {
      ...compare(path, hosts),
      ...(abi ? { abi } : {}),
      refused: refused.map((error) => ({ name: error.peer, reason: error.message })),
    }
  }
}
