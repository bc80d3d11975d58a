/**
 * `npm run bench -- fleet-scale [10000]`: what one host holds and sends in a fleet of H hosts with 500 profiles each,
 * measured in this process with the real inventory, book, sketches and placement: 1,000 hosts against a budget of 300 MB,
 * and 10,000 (slower: 5 million rows). Programs: 100 that every host has, 400 of 4,000 by popularity (Zipf). Seed 1.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  chanceInSample,
  type Digest,
  DigestBook,
  decodePart,
  drawPeers,
  encodeDigest,
  encodePart,
  Inventory,
  type InventoryRow,
  NEIGHBOURS,
  nearest,
  PairHash,
  partsOf,
  quorumFor,
  Refusals,
  Rendezvous,
  rowOf,
  Sketch,
} from '#fleet'
import { daemonNodeFlags } from '../../src/daemon/up/memory.ts'
import { random, table, to } from './fleet/fleet.ts'

// As the daemon runs: how Node.js divides its memory is part of the figures.
if (!daemonNodeFlags.every((flag) => process.execArgv.includes(flag))) {
  const script = [...daemonNodeFlags, import.meta.filename, ...process.argv.slice(2)]
  process.exit(spawnSync(process.execPath, script, { stdio: 'inherit' }).status ?? 1)
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const P = 500
const COMMON = 100
const CATALOGUE = 4000
const BUDGET_MB = 300
const WEEK = 7 * 86_400_000
const now = 100 * WEEK
const hash = new PairHash(Buffer.alloc(32, 1))
const say = (text: string): boolean => process.stderr.write(`${text}\n`)
const cpu = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
const sizes = process.argv.slice(2).length > 0 ? process.argv.slice(2).map(Number) : [1000, 10_000]

const nameOf = (host: number): string =>
  `12D3KooW${createHash('sha256').update(`host ${host}`).digest('base64url').slice(0, 44)}`
const shaOf = (program: number): string => createHash('sha256').update(`program ${program}`).digest('hex')
const shas = Array.from({ length: COMMON + CATALOGUE }, (_, i) => shaOf(i))

/** Which programs a host has. */
function programsOf(next: () => number): number[] {
  const chosen = new Set<number>(Array.from({ length: COMMON }, (_, i) => i))
  while (chosen.size < P) chosen.add(COMMON + Math.floor(CATALOGUE ** next()) - 1)
  return [...chosen]
}

/** What the process holds beyond what it held before, in MB. */
function held(before: NodeJS.MemoryUsage): number {
  collect()
  const after = process.memoryUsage()
  return (after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers) / 1e6
}

function simulate(hosts: number) {
  const next = random(1)
  collect()
  const before = process.memoryUsage()
  const names = Array.from({ length: hosts }, (_, i) => nameOf(i))
  const inventory = new Inventory()
  let begin = 0
  let inventoryMs = 0
  let own: number[] = []
  for (const [i, peer] of names.entries()) {
    const programs = programsOf(next)
    if (i === 0) own = programs
    const parts = partsOf(programs.map((program) => rowOfProgram(program, Math.floor(next() * 200))))
    const bodies = parts.map(encodePart)
    begin = cpu()
    for (const [part, body] of bodies.entries())
      inventory.announce(peer, decodePart(`${part}`, body, peer, now).rows, part)
    inventoryMs += cpu() - begin
  }
  const inventoryMB = held(before)

  begin = cpu()
  const placed = new Rendezvous(names[0]!)
  const neighbourhoods = own.map((program) => {
    const holders = inventory.holders({ content: shas[program]!, abi: 'x86-64', window: 6 }, 5)
    return { program, holders: holders.length, neighbours: placed.neighbours(shas[program]!, holders, now) }
  })
  const placementMs = cpu() - begin

  const book = new DigestBook(new Refusals())
  const codes = Uint32Array.from({ length: 700 }, () => Math.floor(next() * 2 ** 27))
  const one = Sketch.of(hash.hash(new Set(codes)))
  let bookMs = 0
  let digests = 0
  for (const { program, neighbours } of neighbourhoods) {
    // A live host pulls these in a minute; there too garbage is collected before the next.
    if (digests % 8 === 0) collect()
    begin = cpu()
    for (const peer of neighbours) {
      const digest = digestOf(program, one)
      // As signed: 1.3 KB, so that it can be handed on; the sketch is a part of it.
      const envelope = new Uint8Array(1300)
      const bits = envelope.subarray(300, 300 + one.bits.length)
      bits.set(one.bits)
      const body = { ...encodeDigest(digest), x: bits }
      const record = { key: '', peer, name: peer, made: now, expires: now + WEEK, body }
      book.take({ ...record, envelope }, 'pulled', now)
      digests++
    }
    bookMs += cpu() - begin
  }
  const heldMB = held(before)
  const residentMB = process.memoryUsage().rss / 1e6

  const holders = neighbourhoods.map((of) => of.holders - 1)
  const part = (least: number): number =>
    to(3, holders.filter((count) => count >= least).length / holders.length)
  return {
    hosts,
    profiles: P,
    rows: inventory.gauge().rows,
    digests,
    inventoryMB: to(1, inventoryMB),
    heldMB: to(1, heldMB),
    residentMB: to(0, residentMB),
    inventoryMs: to(0, inventoryMs),
    placementMs: to(0, placementMs),
    bookMs: to(0, bookMs),
    coverage: { adopt: part(4), ask: part(7), outliers: part(12), whole: part(64) },
    kept: book.gauge().digests,
    load: loadOf(names),
    traffic: trafficOf(hosts, next),
    liars: {
      quorum: quorumFor(Math.min(hosts - 1, 64), 25),
      chance5: to(4, chanceInSample(hosts, Math.round(hosts * 0.05), 25, 4)),
      chance2: to(5, chanceInSample(hosts, Math.round(hosts * 0.02), 25, 4)),
    },
    overlap: overlapOf(names),
  }
}

const rowsMade = new Map<number, InventoryRow>()

/** One a program, so that what is measured is not the making of them. */
function rowOfProgram(program: number, processes: number): InventoryRow {
  let made = rowsMade.get(program)
  if (!made) {
    const about = { abi: 'x86-64', window: 6, state: 'normal', made: now } as const
    made = rowOf({ ...about, binary: `/usr/bin/program-${program}`, sha256: shas[program]! })
    rowsMade.set(program, made)
  }
  return { ...made, processes: Math.min(63, processes) }
}

function digestOf(program: number, { pairs, bits }: Sketch): Digest {
  return {
    binary: `/usr/bin/program-${program}`,
    sha256: shas[program]!,
    abi: 'x86-64',
    window: 6,
    state: 'normal',
    calls: 123_456,
    pairs,
    sketch: { key: '00000000', bits: Uint8Array.from(bits) },
    sequences: 345,
    anomalies: 0,
    sinceChange: 99_999,
    since: 1,
    made: now,
    lost: 0,
    body: { sha256: shas[program]!, bytes: 4000 },
  }
}

/**
 * Who keeps each host's digest of a program that all have, in all of a fleet of up to 2,000; and how often the three hosts
 * nearest to an author, who are asked when it is away, do keep it.
 */
function loadOf(all: readonly string[]) {
  const names = all.slice(0, 2000)
  const keptBy = new Map<string, Set<string>>()
  for (const self of names)
    for (const peer of new Rendezvous(self).neighbours(shas[0]!, names, now))
      keptBy.set(peer, (keptBy.get(peer) ?? new Set()).add(self))
  const counts = names.map((peer) => keptBy.get(peer)?.size ?? 0)
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length
  const variance = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / counts.length
  let keepers = 0
  for (const author of names.slice(0, 200))
    keepers += nearest(author, shas[0]!, names, now, 3).filter((peer) => keptBy.get(author)?.has(peer)).length
  return {
    hosts: names.length,
    mean: to(2, mean),
    deviation: to(2, Math.sqrt(variance)),
    least: Math.min(...counts),
    most: Math.max(...counts),
    /** Of the three nearest. */
    keepers: to(3, keepers / 600),
  }
}

/** How many of 64 neighbours are neighbours a week later. */
function overlapOf(names: readonly string[]): number {
  const placed = new Rendezvous(names[0]!)
  const first = new Set(placed.neighbours(shas[0]!, names, now))
  return placed.neighbours(shas[0]!, names, now + WEEK).filter((peer) => first.has(peer)).length
}

/** A day of questions: 1.15 a profile and week, 25 drawn of 64 neighbours, all of them asked (screening spares half). */
function trafficOf(hosts: number, next: () => number) {
  const questions = (P * 1.15) / 7
  const perMinute = (questions * 25) / 1440
  const incoming = new Uint16Array(hosts)
  let most = 0
  for (let minute = 0; minute < 60; minute++) {
    incoming.fill(0)
    const sent = Math.round((hosts * questions) / 1440)
    for (let i = 0; i < sent; i++)
      for (const { at } of drawPeers(
        Array.from({ length: 64 }, () => ({ at: Math.floor(next() * hosts), tag: undefined })),
        { peers: 25, perTag: 5 },
        next,
      ))
        incoming[at]!++
    for (const count of incoming) most = Math.max(most, count)
  }
  return {
    questionsADay: to(0, questions),
    messagesADay: to(0, questions * 25),
    bothWaysMBADay: to(2, (2 * questions * 25 * 430) / 1e6),
    perMinute: to(2, perMinute),
    mostInAMinute: most,
    allowedAMinute: 60,
  }
}

/** Envelope, author's PeerId, mesh, numbers and signature around a body: as signed on a live host. */
const AROUND = 300

/**
 * Bytes, a host: everything told anew twice a day, 15 % of the profiles changing a day; three copies of what is gossiped. An
 * inventory's parts are told twice a day, and one more time each six hours in which a digest of theirs was made anew.
 */
function exchanged(hosts: number) {
  const gossiped = hosts * P * (1024 + AROUND)
  const own = partsOf(programsOf(random(2)).map((program) => rowOfProgram(program, 9)))
  const inventory = hosts * own.reduce((sum, part) => sum + encodePart(part).r.length + AROUND, 0)
  const pulled = P * Math.min(NEIGHBOURS, hosts - 1) * (1024 + AROUND)
  return {
    hosts,
    everywhereMB: to(0, gossiped / 1e6),
    everywhereKBs: to(1, (3 * gossiped * (2 + 0.15)) / 86_400 / 1000),
    inventoryMB: to(0, inventory / 1e6),
    inventoryKBs: to(2, (3 * inventory * 4) / 86_400 / 1000),
    pulledMB: to(0, pulled / 1e6),
    pulledKBs: to(2, (pulled * (2 + 0.15)) / 86_400 / 1000),
    questionsMBADay: to(2, (2 * ((P * 1.15) / 7) * 25 * 430) / 1e6),
    adoptionMB: to(0, (P * 16 * 3000) / 1e6),
  }
}

const runs = sizes.map(simulate)
for (const run of runs) {
  say(
    `\n${run.hosts} hosts with ${P} profiles: ${run.rows} rows, ${run.digests} digests of 64 neighbours a binary (one host's)`,
  )
  say(
    `held ${run.heldMB} MB (inventory ${run.inventoryMB}), resident ${run.residentMB} MB of ${BUDGET_MB}; CPU: taking all rows ${run.inventoryMs} ms, choosing all neighbours ${run.placementMs} ms a week, taking all digests ${run.bookMs} ms`,
  )
  say(
    `own programs with so many other hosts: 4 or more (adopt) ${run.coverage.adopt}, 7 (ask) ${run.coverage.ask}, 12 (outliers) ${run.coverage.outliers}, 64 ${run.coverage.whole}`,
  )
  say(
    `a digest is kept by ${run.load.mean} of ${run.load.hosts} hosts, deviation ${run.load.deviation}, ${run.load.least} to ${run.load.most}; of the three nearest to an author ${run.load.keepers} keep it; ${run.overlap} of 64 neighbours stay the next week`,
  )
  say(
    `questions a day ${run.traffic.questionsADay}, messages ${run.traffic.messagesADay} (${run.traffic.bothWaysMBADay} MB both ways), ${run.traffic.perMinute} a minute in, most ${run.traffic.mostInAMinute} of ${run.traffic.allowedAMinute} allowed; k=${run.liars.quorum}: P(4 liars of 25) ${run.liars.chance2} at 2 %, ${run.liars.chance5} at 5 %`,
  )
}
const exchange = [100, 1000, 10_000].map(exchanged)
say(
  '\nexchanged a host: all digests gossiped (MB kept, KB/s with 3 copies); or rows, digests of 64 neighbours, questions, bodies',
)
say(
  table(
    [
      'hosts',
      'digests MB',
      'KB/s',
      'rows MB',
      'KB/s',
      'pulled MB',
      'KB/s',
      'questions MB/day',
      'adopting all MB',
    ],
    exchange.map((row) => Object.values(row)),
  ),
)
console.log(JSON.stringify({ bench: 'fleet-scale', budgetMB: BUDGET_MB, runs, exchange }))
