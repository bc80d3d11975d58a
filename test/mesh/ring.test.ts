import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { noise } from '@chainsafe/libp2p-noise'
import type { Libp2p } from '@libp2p/interface'
import { preSharedKey } from '@libp2p/pnet'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { newSigner } from '../../src/mesh/identity/keys.ts'
import { createEnrolHost } from '../../src/mesh/transport/host.ts'
import { ringKey } from '../../src/mesh/transport/protector.ts'
import { converse } from '../../src/mesh/transport/streams.ts'

const meshId = new Uint8Array(16)
const key = () => new Uint8Array(randomBytes(32))
const [k1, k2, k3] = [key(), key(), key()]

async function echoing(host: Libp2p): Promise<Libp2p> {
  await host.handle('/echo', async (stream) => {
    const talk = converse(stream, 1 << 20, AbortSignal.timeout(5000))
    await talk.write(await talk.read({ parse: (value: unknown) => value } as never))
    await stream.close()
  })
  await host.start()
  return host
}

const ringHost = async (...keys: Uint8Array[]) => {
  const ring = keys.map(ringKey)
  const options = {
    key: newSigner(),
    meshId,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    memory: false,
    ring: () => ring,
  }
  return echoing(await createEnrolHost(options))
}

const stockHost = async (psk: Uint8Array) =>
  echoing(
    await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise({ prologueBytes: meshId })],
      streamMuxers: [yamux()],
      connectionProtector: preSharedKey({
        psk: Buffer.from(`/key/swarm/psk/1.0.0/\n/base16/\n${Buffer.from(psk).toString('hex')}`),
      }),
      start: false,
    }),
  )

/** Dials, and has 100 kB come back, so that both key streams are used for more than one block. */
async function talks(from: Libp2p, to: Libp2p): Promise<void> {
  const signal = AbortSignal.timeout(2000)
  const connection = await from.dial(multiaddr(String(to.getMultiaddrs()[0])), { signal })
  const stream = await connection.newStream('/echo', { signal })
  const talk = converse(stream, 1 << 20, signal)
  const sent = new Uint8Array(randomBytes(100_000))
  await talk.write(sent)
  assert.deepEqual(await talk.read({ parse: (value: unknown) => value } as never), sent)
}

async function among(hosts: Promise<Libp2p>[], work: (...hosts: Libp2p[]) => Promise<void>): Promise<void> {
  const all = await Promise.all(hosts)
  try {
    await work(...all)
  } finally {
    await Promise.all(all.map((host) => host.stop()))
  }
}

type Two = (a?: Libp2p, b?: Libp2p) => Promise<void>
const speak: Two = (a, b) => talks(a as Libp2p, b as Libp2p)
const refuse: Two = async (a, b) => {
  const began = performance.now()
  await assert.rejects(talks(a as Libp2p, b as Libp2p))
  assert.ok(performance.now() - began < 500, 'refused at once')
}

test('stock pnet talks to a ring that holds its key, whichever place it has', () =>
  among([stockHost(k1), ringHost(k3, k2, k1)], speak))
test('a ring talks to stock pnet with its first key', () => among([ringHost(k1, k2), stockHost(k1)], speak))
test('a rotation on the way: the dialler uses a key the listener has only installed', () =>
  among([ringHost(k2), ringHost(k1, k2)], speak))
test('a stranger is refused at once, by a ring and by an empty one', async () => {
  await among([ringHost(k3), ringHost(k1, k2)], refuse)
  await among([ringHost(k3), ringHost()], refuse)
})
