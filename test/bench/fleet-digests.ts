/** `npm run bench -- fleet-digests`: 1,000 digests of one binary compared, all with all; and what a digest costs. */
import { codesOf, compareSketches, encodeDigest, makeDigest, Sketch, sketchKey, validateDigest } from '#fleet'
import { encodeProfile, PairTable, type ProfileRecord, rowsOf } from '#homeostasis'

const hostCount = 1000
const key = sketchKey(new Uint8Array(32).fill(3))

/** 600 pairs that all have, 100 of its own. */
function tableOf(host: number): PairTable {
  const table = new PairTable()
  const add = (n: number) => table.add(n % 300, Math.floor(n / 300) % 300, 1 + (n % 5))
  for (let n = 0; n < 600; n++) add(n * 7)
  for (let n = 0; n < 100; n++) add(5000 + ((host * 100 + n) % 85_000))
  return table
}

const cpu = (act: () => void): number => {
  const began = process.cpuUsage()
  act()
  const { user, system } = process.cpuUsage(began)
  return (user + system) / 1000
}

const hosts = Array.from({ length: hostCount }, (_, host) => {
  const hashed = key.hash.hash(codesOf(tableOf(host)))
  const own = host === 0 ? { own: hashed } : {}
  return { name: `host-${host}`, sha256: 'a', pairs: hashed.codes.length, sketch: Sketch.of(hashed), ...own }
})
const runs = Array.from({ length: 5 }, () => cpu(() => compareSketches('/usr/sbin/nginx', hosts)))

const table = tableOf(1)
const none = { sequences: 0, trainCount: 0, lastModCount: 0 }
const record: ProfileRecord = {
  key: { binary: '/usr/sbin/nginx', abi: 'x86-64', window: 6, sha256: 'ab'.repeat(32) },
  empty: 'symbol',
  tables: { calls: 1e6, train: none, test: none, anomalies: 0, normal: true, rows: rowsOf(table, table) },
  frozen: true,
  normalTime: 0,
  since: 0,
  made: 0,
  names: new Map(),
  about: {},
}
const file = encodeProfile(record)
const made = { lost: 0, made: 0, key, hours: new Uint8Array(168) }
const wire = encodeDigest(makeDigest(record, file, made))
const digests = 1000
const making = cpu(() => {
  for (let n = 0; n < digests; n++) encodeDigest(makeDigest(record, file, made))
})
const checking = cpu(() => {
  for (let n = 0; n < digests; n++) validateDigest(wire)
})

console.log(
  JSON.stringify(
    {
      hosts: hostCount,
      pairsEach: table.pairs,
      compareAllWithAllMsCpu: { least: Math.min(...runs), most: Math.max(...runs) },
      digestMakeMsCpu: making / digests,
      digestCheckMsCpu: checking / digests,
    },
    null,
    2,
  ),
)
