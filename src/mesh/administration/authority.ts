/**
 * What an operator does to the mesh from the host that holds the issuer's key: revoke hosts, turn the keys of the ring. Each
 * is an entry of the admin log; who has taken it over is waited for and told.
 */
import { randomBytes } from 'node:crypto'
import { MeshError } from '../errors.ts'
import { type Identity, writeRing } from '../identity/identity.ts'
import { merged } from '../identity/ring.ts'
import type { Acknowledged, RingKeyLine } from '../interface.ts'
import type { Timing } from '../limits.ts'
import type { Directory, Entry } from '../members/directory.ts'
import { ringKey } from '../transport/protector.ts'
import type { Administration } from './administration.ts'
import type { AdminStatement, KeyAct } from './adminstate.ts'

export interface AuthorityOptions {
  identity: Identity
  directory: Directory
  administration: Administration
  self: string
  timing: Timing
  now(): number
}

export class Authority {
  readonly #options: AuthorityOptions

  constructor(options: AuthorityOptions) {
    this.#options = options
  }

  /** Cuts a member off for ever. Throws MeshError 'no-issuer', 'no-member'. */
  async revoke(who: string, reason: string): Promise<Acknowledged & { name: string; peer: string }> {
    const { directory, self } = this.#options
    const all = [...directory.entries()].filter(({ certificate }) =>
      [certificate.name, certificate.peer].includes(who),
    )
    const one = all.find(({ certificate }) => certificate.peer === who) ?? all[0]
    if (one === undefined)
      throw new MeshError('no-member', `no member is called ${who}; lymph mesh members lists them`)
    if (all.length > 1 && one.certificate.peer !== who)
      throw new MeshError(
        'no-member',
        `${all.length} members are called ${who}; name the one by its peer id (lymph mesh members)`,
      )
    const { name, peer } = one.certificate
    if (peer === self)
      throw new MeshError(
        'no-member',
        `${name} is this host, which holds the issuer's key; it can only leave (lymph mesh leave)`,
      )
    this.#issue([{ op: 'revoke', peer, serial: '', reason: reason.slice(0, 256) }])
    return { name, peer, ...(await this.#taken()) }
  }

  keys(): RingKeyLine[] {
    const { identity, now } = this.#options
    const { recover } = identity.admin.rules(now())
    const members = this.#members()
    const held = new Set(identity.ring.map(({ id }) => id))
    return identity.admin.state
      .keys()
      .filter(({ id, state }) => state !== 'removed' || recover.includes(id))
      .map(({ id, state, since }) => ({
        id,
        state,
        since,
        holders: members.filter(({ ringHeld }) => ringHeld?.includes(id)).length + (held.has(id) ? 1 : 0),
        members: members.length + 1,
      }))
  }

  /** A new key: everyone accepts it, nobody dials with it yet. */
  async install(): Promise<Acknowledged & { id: string }> {
    const { identity, now } = this.#options
    const key = ringKey(new Uint8Array(randomBytes(32)))
    const entries = this.#make([{ op: 'psk', act: 'install', key: key.id }])
    // Trial first, so that a full ring is refused before a key is written; then the key before the entry that names it.
    const rules = identity.admin.rules(now())
    const before = identity.ring
    writeRing(identity, [...merged(before, [], rules), key])
    try {
      this.#options.administration.issue(entries)
    } catch (error) {
      writeRing(identity, before)
      throw error
    }
    return { id: key.id, ...(await this.#taken(key.id)) }
  }

  /** Everyone dials with it. Refused where a member that is alive does not hold it yet, unless `force`. */
  async use(id: string, force = false): Promise<Acknowledged & { id: string }> {
    if (!force) {
      const without = this.#members().filter(
        (entry) => this.#alive(entry) && entry.ringHeld?.includes(id) === false,
      )
      if (without.length > 0)
        throw new MeshError(
          'bad-key',
          `${without.map(({ certificate }) => certificate.name).join(', ')} not holding key ${id} yet; wait, or use --force and let them ask for it`,
        )
    }
    return this.#turn('use', id)
  }

  /** Nobody accepts it. For 30 days it still opens a connection on which a host that slept asks for the new one; not `atOnce`. */
  remove(id: string, atOnce = false): Promise<Acknowledged & { id: string }> {
    return this.#turn(atOnce ? 'destroy' : 'remove', id)
  }

  async #turn(act: KeyAct, id: string): Promise<Acknowledged & { id: string }> {
    this.#issue([{ op: 'psk', act, key: id }])
    return { id, ...(await this.#taken()) }
  }

  #issue(statements: AdminStatement[]): void {
    this.#options.administration.issue(this.#make(statements))
    const { admin } = this.#options.identity
    // The checkpoint says what the log says already: whoever lacks it lacks nothing.
    if (admin.checkpointDue)
      this.#options.administration.issue(this.#make([admin.state.snapshot(this.#clock())]))
  }

  #make(statements: AdminStatement[]): Uint8Array[] {
    const { identity } = this.#options
    if (identity.issuer === undefined)
      throw new MeshError(
        'no-issuer',
        `${identity.name} holds no issuer key; run this on the host that founded the mesh`,
      )
    const { signer } = identity.issuer
    return statements.map((statement) => identity.admin.make(statement, signer, this.#clock()))
  }

  #clock(): number {
    return Math.round(this.#options.now())
  }

  /** Waits until every member has the log as it is now (and holds the key), or has had its time. */
  async #taken(key?: string): Promise<Acknowledged> {
    const { seq } = this.#options.identity.admin.head()
    const has = (entry: Entry) =>
      entry.adminSeq >= seq && (key === undefined || entry.ringHeld?.includes(key) === true)
    const until = performance.now() + this.#options.timing.acknowledge
    for (;;) {
      const missing = this.#members().filter((entry) => !has(entry))
      // Who is silent has nothing to wait for, but is named.
      const awaited = missing.filter((entry) => this.#alive(entry))
      if (awaited.length === 0 || performance.now() > until) {
        const names = (entries: Entry[]) => entries.map(({ certificate }) => certificate.name).sort()
        return { acknowledged: names(this.#members().filter(has)), missing: names(missing) }
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  /** The other members that belong to the mesh now. */
  #members(): Entry[] {
    const { directory, self, now } = this.#options
    return [...directory.entries()].filter((entry) => {
      const state = directory.state(entry, now())
      return entry.certificate.peer !== self && (state === 'alive' || state === 'silent')
    })
  }

  #alive(entry: Entry): boolean {
    const { directory, now } = this.#options
    return directory.state(entry, now()) === 'alive'
  }
}
