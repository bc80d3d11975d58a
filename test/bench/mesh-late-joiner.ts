/**
 * One host holds 30 000 records of 15 authors, over LevelDB; another, in a process of its own, joins by TCP on loopback. How long
 * until it holds all of them? Used by `npm run bench -- mesh`; alone: `npm run bench -- mesh-late-joiner [RECORDS]`.
 */
import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { initMesh, joinMesh } from '#mesh'
import { openStore } from '#store'
import { makeCredential } from '../../src/mesh/identity/certificate.ts'
import { newSigner, peerOf } from '../../src/mesh/identity/keys.ts'
import type { MeshNode } from '../../src/mesh/node.ts'
import { openNode } from '../../src/mesh/open.ts'
import { concat } from '../../src/mesh/records/codec.ts'
import { makeEnvelope, type NewStatement, type Statement } from '../../src/mesh/records/envelope.ts'
import { perManifest } from '../../src/mesh/records/vouchers.ts'

export interface Late {
  records: number
  /** With manifests for all of it, or for none. */
  vouched: boolean
  /** From `openMesh` to the last record, ms. */
  completeMs: number
  cpuMs: number
}

const file = new URL(import.meta.url).pathname
const authors = 15
const log = { info: () => undefined, warn: (line: string) => console.error(line) }

async function opened(folder: string, listen: string[]) {
  const options = { now: Date.now, log: () => undefined, mirror: join(folder, 'mirror') }
  const store = await openStore(join(folder, 'store'), options)
  const keyValue = store.keyValue('mesh')
  return {
    store,
    node: await openNode({ folder: join(folder, 'mesh'), listen, keyValue, version: 'bench', log }),
  }
}

function fill(node: MeshNode, records: number, vouched: boolean): void {
  const { identity, ledger, directory } = node
  const { issuer, meshId } = identity
  if (issuer === undefined) throw new Error('no issuer key')
  const now = Date.now()
  for (let i = 0; i < authors; i++) {
    const key = newSigner()
    const peer = peerOf(key.publicKey)
    const times = { notBefore: now, notAfter: now + 86_400_000 }
    const serial = new Uint8Array(randomBytes(16))
    const fields = { meshId, peer, name: `author${i}`, tags: [], role: 'member' as const, ...times, serial }
    directory.learn({ credential: makeCredential(issuer, fields), addresses: [] }, now)
    const base = { meshId, author: peer, epoch: now, ts: now, expires: now + 3_600_000, op: 'raise' as const }
    const make = (more: Pick<NewStatement, 'seq' | 'kind' | 'key' | 'body'>) => {
      const made = makeEnvelope({ ...base, ...more }, key)
      ledger.live.merge(made, now)
      return made
    }
    const made: Statement[] = []
    for (let seq = 1; seq <= records / authors; seq++)
      made.push(make({ seq, kind: 'digest', key: `digest ${seq}`, body: new Uint8Array(100) }))
    for (let at = 0, place = 0; vouched && at < made.length; at += perManifest, place++) {
      const body = concat(made.slice(at, at + perManifest).map(({ hash }) => hash.subarray(0, 16)))
      make({ seq: 100_000 + place, kind: 'manifest', key: String(place), body })
    }
  }
}

export async function lateJoiner(records: number, vouched: boolean): Promise<Late> {
  const root = mkdtempSync(join(tmpdir(), 'lymph-late-'))
  await initMesh({ folder: join(root, 'a', 'mesh'), name: 'a', now: Date.now() })
  const { store, node } = await opened(join(root, 'a'), ['/ip4/127.0.0.1/tcp/0'])
  try {
    fill(node, records, vouched)
    const { token } = await node.invite({})
    const child = fork(file, ['join', join(root, 'b'), token, String(node.ledger.live.gauges.records)])
    const said = await new Promise<Pick<Late, 'completeMs' | 'cpuMs'>>((resolve, reject) => {
      child.once('message', (message) => resolve(message as Late))
      child.once('exit', (code) => reject(new Error(`the joiner ended with ${code}`)))
    })
    return { records, vouched, ...said }
  } finally {
    await node.stop()
    await store.close()
    rmSync(root, { recursive: true, force: true })
  }
}

async function join_(folder: string, token: string, all: number): Promise<void> {
  await joinMesh({ folder: join(folder, 'mesh'), token, name: 'late', now: Date.now() })
  const before = process.cpuUsage()
  const began = performance.now()
  const { node, store } = await opened(folder, [])
  while (node.ledger.live.gauges.records < all) await new Promise((resolve) => setTimeout(resolve, 10))
  const completeMs = Math.round(performance.now() - began)
  const { user, system } = process.cpuUsage(before)
  process.send?.({ completeMs, cpuMs: Math.round((user + system) / 1000) })
  await node.stop()
  await store.close()
  process.exit(0)
}

if (process.argv[2] === 'join') {
  const [, , , folder, token, all] = process.argv as [string, string, string, string, string, string]
  await join_(folder, token, Number(all))
} else if (pathToFileURL(process.argv[1] ?? '').pathname.endsWith('mesh-late-joiner.ts')) {
  const records = Number(process.argv[2] ?? 30_000)
  const runs = [await lateJoiner(records, true), await lateJoiner(records, false)]
  console.log(JSON.stringify({ bench: 'mesh-late-joiner', node: process.versions.node, runs }))
  process.exit(0)
}
