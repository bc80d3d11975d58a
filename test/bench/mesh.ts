/**
 * `npm run bench -- mesh [N ...]`: what the mesh costs. Publishing and judging a second, the late joiner, what two equal hosts tell one
 * another, and for each N (10, 20, 50, 100) hosts in this process: coverage, CPU a delivery (net: above what the idle mesh takes), what
 * an idle host takes, RSS a host, bytes a host sends in syncs.
 */
import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { makeEnvelope } from '../../src/mesh/records/envelope.ts'
import { scenarios } from '../mesh/simulator/scenarios.ts'
import { World } from '../mesh/simulator/world.ts'
import { lateJoiner } from './mesh-late-joiner.ts'

const sizes = process.argv.slice(2).map(Number)
const seed = 1
const perSecond = (count: number, ms: number) => Math.round((count / ms) * 1000)

/** What a signature costs here and now: by it figures of a busy machine can be read. */
function calibrate(): number {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const bytes = Buffer.alloc(400)
  const signature = sign(null, bytes, privateKey)
  const began = performance.now()
  for (let i = 0; i < 2000; i++) verify(null, bytes, publicKey, signature)
  return Math.round(((performance.now() - began) / 2000) * 10_000) / 10
}

async function one(): Promise<Record<string, number>> {
  const world = await World.make({ hosts: 2, seed })
  try {
    await world.formed()
    const [a, b] = world.alive
    if (a === undefined || b === undefined) throw new Error('a host is missing')
    // Above the burst of digests the other would take it for a flood.
    const published = 500
    const began = performance.now()
    for (let i = 0; i < published; i++) await a.node.publish('digest', `p${i}`, new Uint8Array(400), 600_000)
    const publishMs = performance.now() - began
    await b.node.synchroniser.with(a.peer)
    const bytes = () => a.node.synchroniser.bytesSent + b.node.synchroniser.bytesSent
    let equalSyncBytes = 0
    // Until both hold the same and neither is at it already.
    for (let i = 0; i < 100 && (equalSyncBytes === 0 || equalSyncBytes > 100); i++) {
      await world.pass(100)
      const before = bytes()
      await b.node.synchroniser.with(a.peer)
      equalSyncBytes = bytes() - before
    }
    const { meshId, node } = b.node.identity
    const now = Date.now()
    const base = {
      meshId,
      author: b.peer,
      epoch: now + 1,
      ts: now,
      expires: now + 600_000,
      op: 'raise' as const,
    }
    const made = Array.from({ length: 1000 }, (_, i) =>
      makeEnvelope({ ...base, kind: 'digest', key: `v${i}`, seq: i + 1, body: new Uint8Array(400) }, node),
    )
    const judged = performance.now()
    for (const { envelope } of made) await a.node.ledger.receive(envelope, 'sync', b.peer)
    const judgeMs = performance.now() - judged
    return {
      publishedPerSecond: perSecond(published, publishMs),
      judgedPerSecond: perSecond(made.length, judgeMs),
      equalSyncBytes,
    }
  } finally {
    await world.end()
  }
}

const verifyMicros = calibrate()
const alone = await one()
const late = [await lateJoiner(30_000, true), await lateJoiner(30_000, false)]
const meshes: Record<string, unknown>[] = []
for (const hosts of sizes.length > 0 ? sizes : [10, 20, 50, 100]) {
  const rss = process.memoryUsage().rss
  const outcome = await scenarios.spread({ hosts, seed })
  const { coverage, p50Ms, maxMs, cpuMsPerDelivery, notes } = outcome
  const { idlePercentOfCorePerHost, cpuMsNet, syncBytesPerHostMinute } = notes
  const rssMiBPerHost = Math.round(((notes.rss as number) - rss) / 1024 / 1024 / hosts / 0.1) / 10
  meshes.push({
    hosts,
    coverage,
    p50Ms,
    maxMs,
    cpuMsNet,
    cpuMsPerDelivery,
    idlePercentOfCorePerHost,
    rssMiBPerHost,
    syncBytesPerHostMinute,
  })
  console.error(JSON.stringify(meshes.at(-1)))
}
console.log(
  JSON.stringify({ bench: 'mesh', node: process.versions.node, verifyMicros, ...alone, late, meshes }),
)
process.exit(0)
