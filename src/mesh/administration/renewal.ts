/**
 * `/lymph/renew/1`: a member whose certificate is still in force gets the next one from an issuer. Asked for by itself when two
 * thirds of the lifetime are over, and loudly missed after that.
 */
import { randomBytes } from 'node:crypto'
import type { Libp2p } from '@libp2p/interface'
import { because, MeshError } from '../errors.ts'
import {
  type Certificate,
  makeCredential,
  makeIssuerCertificate,
  openIssuerCertificate,
} from '../identity/certificate.ts'
import { type Identity, readRootFile, writeCredential, writeIssuer } from '../identity/identity.ts'
import { openRootKey } from '../identity/rootkey.ts'
import { limits, protocols, type Timing } from '../limits.ts'
import { askOn, serveOn } from '../members/ask.ts'
import type { Directory, Entry } from '../members/directory.ts'
import { decode, encode } from '../records/codec.ts'

const answerBytes = 8192
const timeoutMs = 5000
const day = 86_400_000
/** A member that asks again at once gets what it got: each certificate goes through the whole mesh. */
const sameFor = 60_000
/** The last warnings before the end come daily. */
const loud = 7 * day

export interface RenewalOptions {
  host: Libp2p
  identity: Identity
  directory: Directory
  timing: Timing
  self: string
  now(): number
  log: { info(message: string): void; warn(message: string): void }
  /** Connects to a member and resolves when it has greeted this host; throws otherwise. */
  reach(peer: string): Promise<void>
  learnt(entry: Entry): void
  issue(entries: Uint8Array[]): void
}

export class Renewal {
  readonly #options: RenewalOptions
  #next = Number.NEGATIVE_INFINITY
  #warned = Number.NEGATIVE_INFINITY
  #running = false

  constructor(options: RenewalOptions) {
    this.#options = options
  }

  async serve(may: (peer: string) => boolean): Promise<void> {
    const { host, identity, directory } = this.#options
    if (identity.issuer === undefined) return
    const bounds = { requestBytes: 64, answerBytes, timeoutMs, streams: 2 }
    await serveOn(host, protocols.renew, bounds, may, async (_asked, peer) => {
      const entry = directory.get(peer)
      if (entry === undefined) throw new Error('not a member')
      return encode(this.#renewed(entry))
    })
  }

  /** Due by itself: a third of the lifetime is left. */
  get due(): boolean {
    const { notBefore, notAfter } = this.#options.identity.certificate
    return this.#options.now() > notBefore + ((notAfter - notBefore) * 2) / 3
  }

  /** To be called now and then. */
  tick(): void {
    const { now, timing, log, identity } = this.#options
    if (this.#running || !this.due || now() < this.#next) return
    this.#next = now() + timing.renew
    this.#running = true
    this.renew()
      .then(() => log.info(`the certificate of this host is renewed until ${until(identity.certificate)}`))
      .catch((error) => this.#missed(error))
      .finally(() => {
        this.#running = false
      })
  }

  /** Resolves when the next certificate is on the disk: its end. Throws MeshError 'unreachable' or 'no-issuer'. */
  async renew(): Promise<number> {
    const { identity, directory, self, learnt, now } = this.#options
    const credential = await this.#obtain()
    writeCredential(identity, credential)
    const known = directory.learn({ credential, addresses: [] }, now())
    if (known !== undefined) learnt(known.entry)
    const entry = directory.get(self)
    if (entry !== undefined) learnt(entry)
    return identity.certificate.notAfter
  }

  /**
   * The issuer's own certificate, which the root key signs; the key file must lie in the folder. Throws MeshError
   * 'bad-passphrase', 'no-issuer', 'damaged'.
   */
  renewIssuer(passphrase: string): number {
    const { identity, now, issue } = this.#options
    if (identity.issuer === undefined)
      throw new MeshError(
        'no-issuer',
        `${identity.name} holds no issuer key; run this on the host that founded the mesh`,
      )
    const root = openRootKey(readRootFile(identity.folder), passphrase)
    const { can } = openIssuerCertificate(identity.issuer.certificate, identity.root)
    const notBefore = Math.round(now())
    const notAfter = notBefore + limits.issuerLifetime
    const certificate = makeIssuerCertificate(root, {
      issuer: identity.issuer.signer.publicKey,
      can,
      notBefore,
      notAfter,
    })
    issue([identity.admin.make({ op: 'issuer', certificate }, root, notBefore)])
    writeIssuer(identity, certificate)
    return notAfter
  }

  async #obtain(): Promise<Uint8Array> {
    const { identity, directory, host, self, reach, now } = this.#options
    const own = directory.get(self)
    if (identity.issuer !== undefined && own !== undefined) return this.#renewed(own)
    const issuers = [...directory.entries()].filter(
      (entry) => entry.certificate.role === 'admin' && directory.objection(entry, now()) === undefined,
    )
    const failures: string[] = []
    for (const { certificate } of issuers)
      try {
        await reach(certificate.peer)
        const answer = decode(
          await askOn(host, protocols.renew, certificate.peer, new Uint8Array(), { answerBytes, timeoutMs }),
        )
        if (answer instanceof Uint8Array) return answer
        failures.push(`${certificate.name}: it answered something else`)
      } catch (error) {
        failures.push(`${certificate.name}: ${because(error)}`)
      }
    throw new MeshError(
      'unreachable',
      `no issuer renews the certificate of ${identity.name}, which ends ${until(identity.certificate)} (${failures.join('; ') || 'none is known'}); bring the host that founded the mesh up`,
    )
  }

  #renewed({ certificate }: Entry): Uint8Array {
    const { identity, directory, now, learnt } = this.#options
    const { issuer } = identity
    if (issuer === undefined) throw new MeshError('no-issuer', 'no issuer key')
    const notBefore = Math.round(now())
    if (openIssuerCertificate(issuer.certificate, identity.root).notAfter < notBefore)
      throw new MeshError(
        'no-issuer',
        'the issuer certificate of this mesh has run out; renew it with the root key (lymph mesh renew --issuer)',
      )
    if (notBefore - certificate.notBefore < sameFor) return certificate.credential
    const { peer, name, tags, role, meshId } = certificate
    const notAfter = notBefore + limits.memberLifetime
    const serial = new Uint8Array(randomBytes(16))
    const fields = { meshId, peer, name, tags, role, notBefore, notAfter, serial }
    const credential = makeCredential(issuer, fields)
    const known = directory.learn({ credential, addresses: [] }, notBefore)
    if (known !== undefined) learnt(known.entry)
    return credential
  }

  #missed(error: unknown): void {
    const { now, log, identity } = this.#options
    const every = identity.certificate.notAfter - now() < loud ? day / 4 : day
    if (now() - this.#warned < every) return
    this.#warned = now()
    log.warn(because(error))
  }
}

const until = ({ notAfter }: Certificate): string => new Date(notAfter).toISOString().slice(0, 16)
