/**
 * The pre-shared key as a ring: wire compatible with pnet (24-byte nonces, XSalsa20 both ways), but the listener finds out
 * which of its keys the dialler used. The first bytes of any connection are multistream's greeting, so a trial decryption
 * of 20 bytes decides. A stranger is refused in milliseconds, and keys can be changed without a moment when halves of the
 * mesh cannot talk: install everywhere, use everywhere, remove.
 */
import { randomBytes } from 'node:crypto'
import type { ConnectionProtector, MultiaddrConnection } from '@libp2p/interface'
import { AbstractMultiaddrConnection, byteStream } from '@libp2p/utils'
import xsalsa20 from 'xsalsa20'
import { concat, equals, fromString, hex, sha256 } from '../records/codec.ts'

export interface RingKey {
  id: string
  key: Uint8Array
}

export const ringKey = (key: Uint8Array): RingKey => ({ id: hex(sha256(key).subarray(0, 8)), key })

const nonceLength = 24
const greeting = concat([new Uint8Array([0x13]), fromString('/multistream/1.0.0\n')])

type SendData = Parameters<MultiaddrConnection['send']>[0]

class BoxedConnection extends AbstractMultiaddrConnection {
  readonly #below: MultiaddrConnection
  readonly #outbound: ReturnType<typeof xsalsa20>

  constructor(below: MultiaddrConnection, key: Uint8Array, local: Uint8Array, remote: Uint8Array) {
    super({ log: below.log, remoteAddr: below.remoteAddr, direction: below.direction })
    const inbound = xsalsa20(remote, key)
    this.#below = below
    this.#outbound = xsalsa20(local, key)
    below.addEventListener('message', (event) => {
      const parts = event.data instanceof Uint8Array ? [event.data] : event.data
      for (const part of parts) this.onData(inbound.update(part))
    })
    below.addEventListener('drain', () => this.onMuxerDrain())
    below.addEventListener('close', (event) => {
      if (event.error == null) this.onTransportClosed()
      else if (event.local === true) this.abort(event.error)
      else this.onRemoteReset()
    })
  }

  async sendClose(options?: { signal?: AbortSignal }): Promise<void> {
    await this.#below.close(options)
  }

  sendData(data: Exclude<SendData, Uint8Array>): { sentBytes: number; canSendMore: boolean } {
    return {
      sentBytes: data.byteLength,
      canSendMore: this.#below.send(this.#outbound.update(data.subarray())),
    }
  }

  sendReset(error: Error): void {
    this.#below.abort(error)
  }

  sendPause(): void {
    this.#below.pause()
  }

  sendResume(): void {
    this.#below.resume()
  }
}

/** `keys` is asked at every connection; its first key is the one to dial with. `opened` hears which key a dialler used. */
export function pskRing(
  keys: () => RingKey[],
  opened: (connection: MultiaddrConnection, keyId: string) => void = () => undefined,
): () => ConnectionProtector {
  return () => ({
    async protect(plain, options) {
      // Only ever called with a transport's connection, whatever the type says.
      const connection = plain as MultiaddrConnection
      const signal = options?.signal ?? AbortSignal.timeout(5000)
      const local = new Uint8Array(randomBytes(nonceLength))
      const stream = byteStream(connection)
      const [read] = await Promise.all([
        stream.read({ bytes: nonceLength, signal }),
        stream.write(local, { signal }),
      ])
      const remote = read.subarray()
      const ring = keys()
      if (connection.direction === 'outbound') {
        const first = ring[0]
        if (first === undefined) throw new Error('the ring has no key')
        return new BoxedConnection(stream.unwrap(), first.key, local, remote)
      }
      const probe = (await stream.read({ bytes: greeting.length, signal })).subarray()
      const found = ring.find(({ key }) => equals(xsalsa20(remote, key).update(probe), greeting))
      if (found === undefined) throw new Error('no key of the ring opens this connection')
      opened(connection, found.id)
      // The probe goes back to the head of what is still encrypted; unwrap has queued the rest already.
      const below = stream.unwrap()
      below.unshift(probe)
      return new BoxedConnection(below, found.key, local, remote)
    },
  })
}
