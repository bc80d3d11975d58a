/** Hosts of a fleet without a network: signed envelopes (Ed25519), requests as calls. */
import { generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import { decode, encode } from 'cborg'
import { subjectOf } from '#classes'
import {
  type BodyQuery,
  DigestExchange,
  type ExchangePorts,
  makeDigest,
  type Peers,
  Refusals,
  type Signatures,
  sketchKey,
} from '#fleet'
import { encodeProfile, PairTable, type ProfileKey, type ProfileRecord, rowsOf } from '#homeostasis'

/** What sketches of the tests' mesh are made with. */
export const testKey = sketchKey(new Uint8Array(32).fill(7))
export const startTime = Date.UTC(2026, 0, 5, 12)

/** A profile that has learned `pairs` in a window of 6. */
export function profile(
  key: Partial<ProfileKey>,
  pairs: [current: number, previous: number, distance: number][],
  more: Partial<ProfileRecord> = {},
): ProfileRecord {
  const table = new PairTable()
  for (const [current, previous, distance] of pairs) table.add(current, previous, distance)
  return {
    key: { binary: '/usr/bin/less', abi: 'x86-64', window: 6, sha256: 'ab'.repeat(32), ...key },
    empty: 'symbol',
    tables: {
      calls: 1000,
      train: { sequences: 7, trainCount: 1000, lastModCount: 400 },
      test: { sequences: 0, trainCount: 0, lastModCount: 0 },
      anomalies: 0,
      normal: false,
      rows: rowsOf(table, new PairTable()),
    },
    frozen: false,
    normalTime: 0,
    since: startTime - 5000,
    made: startTime,
    names: new Map(),
    about: {},
    ...more,
  }
}

const tag = new TextEncoder().encode('test')

export class Hosts {
  now = startTime
  readonly keys = new Map<string, KeyObject>()
  readonly hosts = new Map<string, Host>()
  /** What travels, for a test to change on its way. */
  tamper: (answer: Uint8Array, from: string) => Uint8Array = (answer) => answer

  add(name: string, profiles: ProfileRecord[] = []): Host {
    const host = new Host(this, name, profiles)
    this.hosts.set(host.peer, host)
    return host
  }
}

export class Host {
  readonly peer: string
  readonly name: string
  readonly refusals = new Refusals()
  readonly published: { key: string; body: unknown; ttlMs: number }[] = []
  readonly cleared: string[] = []
  readonly exchange: DigestExchange
  readonly signatures: Signatures
  publishFails = false
  profiles: ProfileRecord[]

  constructor(hosts: Hosts, name: string, profiles: ProfileRecord[]) {
    this.name = name
    this.peer = `12D3KooW${name}`
    this.profiles = profiles
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    hosts.keys.set(this.peer, publicKey)
    this.signatures = {
      sign: (_key, body, ttlMs) => {
        const said = encode({ kind: 'digest', peer: this.peer, name, expires: hosts.now + ttlMs, body })
        return encode({ said, signature: sign(null, Buffer.concat([tag, said]), privateKey) })
      },
      verify: (envelope) => {
        const { said, signature } = decode(envelope) as { said: Uint8Array; signature: Uint8Array }
        const record = decode(said) as ReturnType<Signatures['verify']>
        const author = hosts.keys.get(record.peer)
        if (!author || !verify(null, Buffer.concat([tag, said]), author, signature))
          throw new Error('the signature does not hold')
        return record
      },
    }
    const peers: Peers = {
      peers: () =>
        [...hosts.hosts.values()].filter((one) => one !== this).map(({ peer, name }) => ({ peer, name })),
      request: async (peer, _name, bytes, limits) => {
        const other = hosts.hosts.get(peer)
        if (!other) throw new Error('connection refused')
        const answer = hosts.tamper(await other.exchange.serve(bytes, { peer: this.peer, name }), peer)
        if (answer.length > limits.answerBytes) {
          // As libp2p's length prefixed streams refuse it, before reading it.
          const cause = Object.assign(new Error('Message length too long'), {
            name: 'InvalidDataLengthError',
          })
          throw new Error('request failed', { cause })
        }
        return answer
      },
    }
    const ports: ExchangePorts = {
      now: () => hosts.now,
      own: { find: (query) => this.find(query, hosts.now) },
      peers,
      signatures: this.signatures,
      publisher: {
        publish: async (key, body, ttlMs) => {
          if (this.publishFails) throw new Error('not connected')
          this.published.push({ key, body, ttlMs })
        },
        clear: async (key) => void this.cleared.push(key),
      },
      refusals: this.refusals,
      sketchKey: () => testKey,
    }
    this.exchange = new DigestExchange(ports)
  }

  async find(query: BodyQuery, made: number) {
    const record = this.profiles.find(
      ({ key }) =>
        subjectOf(key.binary) === query.binary &&
        (query.abi ?? key.abi) === key.abi &&
        (query.window ?? key.window) === key.window &&
        (query.sha256 ?? key.sha256) === key.sha256,
    )
    if (!record) return undefined
    const file = encodeProfile(record)
    return { digest: makeDigest(record, file, { lost: 0, made, key: testKey }), file }
  }
}
