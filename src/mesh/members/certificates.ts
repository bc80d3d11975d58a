/**
 * `/lymph/certs/1`: the certificate of an author nobody has told us of. Members learn one another by sync, which carries the
 * directory; this is for the moment between, when gossip outruns it. The forwarder is asked, since it has just vouched for
 * the record, and the record waits for the answer: what gossip ignores once it does not bring again.
 */
import type { Libp2p } from '@libp2p/interface'
import { z } from 'zod'
import { limits, protocols } from '../limits.ts'
import { decode, encode } from '../records/codec.ts'
import { askOn, serveOn } from './ask.ts'
import { type Directory, type Entry, knownMembers } from './directory.ts'

const request = z.string().max(80)
const answerBytes = 8192
const timeoutMs = 3000
/** An author whose certificate the forwarder did not have is not asked for again at once. */
const patience = 10_000

export interface CertificatesOptions {
  host: Libp2p
  directory: Directory
  now(): number
  learnt(entry: Entry): void
}

export class Certificates {
  readonly #options: CertificatesOptions
  readonly #asked = new Map<string, { at: number; answer: Promise<void> }>()

  constructor(options: CertificatesOptions) {
    this.#options = options
  }

  async serve(may: (peer: string) => boolean): Promise<void> {
    const { host, directory } = this.#options
    const bounds = { requestBytes: 256, answerBytes, timeoutMs }
    await serveOn(host, protocols.certificates, bounds, may, async (asked) => {
      const entry = directory.get(request.parse(decode(asked)))
      return encode(entry === undefined ? [] : [directory.known(entry)])
    })
  }

  /** Resolves when asked and answered, or not. Never throws. */
  async seek(author: string, from: string): Promise<void> {
    const clock = performance.now()
    const before = this.#asked.get(author)
    if (before !== undefined && clock - before.at < patience) return before.answer
    if (this.#asked.size >= limits.certificatesAsked)
      for (const [key, { at }] of this.#asked) if (clock - at >= patience) this.#asked.delete(key)
    if (this.#asked.size >= limits.certificatesAsked) return
    const answer = this.#ask(author, from)
    this.#asked.set(author, { at: clock, answer })
    return answer
  }

  async #ask(author: string, from: string): Promise<void> {
    const { host, directory, now, learnt } = this.#options
    try {
      const bounds = { answerBytes, timeoutMs }
      const answer = await askOn(host, protocols.certificates, from, encode(author), bounds)
      for (const member of knownMembers.max(1).parse(decode(answer))) {
        const known = directory.learn(member, now())
        if (known !== undefined) learnt(known.entry)
      }
    } catch {
      // Nothing to tell the record's sender: without the certificate it is ignored, and sync brings both later.
    }
  }
}
