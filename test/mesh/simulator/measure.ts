/** What a run has cost and brought: coverage, time, false warnings, cost. */
import { networkClasses, quorumRules, type Voice } from '#incidents'
import type { MeshRecord } from '#mesh'
import type { Actor, World } from './world.ts'

export interface Said {
  by: Actor
  key: string
  at: number
}

export interface Outcome {
  name: string
  hosts: number
  /** Of what honest hosts said and what stands, on how many of those who should hold it, 0 to 1. */
  coverage: number
  /** From saying to holding, real ms, over all deliveries. */
  p50Ms: number
  maxMs: number
  /** Quorums on honest hosts about what no honest host said. */
  falseQuorums: number
  /** Semaphores on honest hosts in the name of a host that did not say them. */
  forged: number
  cpuMsPerDelivery: number
  heapMiB: number
  /** Reasons, on all honest hosts together. */
  refused: Record<string, number>
  /** What the scenario wants to be known besides. */
  notes: Record<string, number | string | boolean>
}

/** Times deliveries of what is published through it. */
export class Meter {
  readonly said: Said[] = []
  readonly #world: World
  readonly #cpu = process.cpuUsage()
  readonly #keys = new Map<string, number>()
  #delays: number[] = []

  constructor(world: World) {
    this.#world = world
    for (const actor of world.alive) this.watch(actor)
  }

  /** To be called for a host that was made, or has come back. */
  watch(actor: Actor): void {
    actor.node?.onEvent((event) => {
      if (event.type !== 'record' || event.record.kind !== 'semaphore' || event.change !== 'raised') return
      const at = this.#keys.get(`${event.record.peer}/${event.record.key}`)
      if (at !== undefined && event.record.peer !== actor.peer) this.#delays.push(performance.now() - at)
    })
  }

  get deliveries(): number {
    return this.#delays.length
  }

  async say(by: Actor, key: string, body: unknown = null, ttlMs = 6 * 3_600_000): Promise<void> {
    this.#keys.set(`${by.peer}/${key}`, performance.now())
    this.said.push({ by, key, at: performance.now() })
    await by.node?.publish('semaphore', key, body, ttlMs)
  }

  /** Of what was said, on how many of `honest` it stands. */
  coverage(honest: readonly Actor[]): number {
    const held = honest.map(
      ({ node }) => new Set(node?.records('semaphore').map((r) => `${r.peer}/${r.key}`)),
    )
    let reached = 0
    for (const { by, key } of this.said) for (const set of held) if (set.has(`${by.peer}/${key}`)) reached++
    const all = this.said.length * honest.length
    return all === 0 ? 1 : reached / all
  }

  outcome(name: string, honest: readonly Actor[], notes: Outcome['notes'] = {}): Outcome {
    const { user, system } = process.cpuUsage(this.#cpu)
    const delays = this.#delays.sort((a, b) => a - b)
    const refused: Record<string, number> = {}
    for (const { node } of honest)
      for (const [why, count] of Object.entries(node?.status().refused ?? {}))
        refused[why] = (refused[why] ?? 0) + count
    const round = (value: number, digits = 1) => Number(value.toFixed(digits))
    return {
      name,
      hosts: this.#world.actors.length,
      coverage: round(this.coverage(honest), 4),
      p50Ms: round(delays[Math.floor(delays.length / 2)] ?? 0),
      maxMs: round(delays.at(-1) ?? 0),
      falseQuorums: honest.reduce((sum, actor) => sum + this.#falseQuorums(actor, honest), 0),
      forged: honest.reduce((sum, actor) => sum + this.#forged(actor, honest), 0),
      cpuMsPerDelivery: round((user + system) / 1000 / Math.max(1, delays.length), 2),
      heapMiB: round(process.memoryUsage().heapUsed / 1024 / 1024),
      refused,
      notes,
    }
  }

  #falseQuorums(actor: Actor, honest: readonly Actor[]): number {
    const { node } = actor
    if (node === undefined) return 0
    const now = this.#world.now()
    const voices = node.records('semaphore').flatMap((record) => voiceOf(record) ?? [])
    const true_ = new Set(
      voices.filter(({ peer }) => honest.some((one) => one.peer === peer)).map(({ sha256 }) => sha256),
    )
    const lies = voices.filter(({ sha256 }) => !true_.has(sha256))
    const view = {
      self: actor.peer,
      members: node.status().members,
      runs: () => false,
      allowed: () => false,
    }
    return networkClasses({ ...view, voices: lies }, quorumRules, now).filter(({ name }) =>
      name.endsWith('_quorum'),
    ).length
  }

  #forged(actor: Actor, honest: readonly Actor[]): number {
    const mine = new Set(this.said.map(({ by, key }) => `${by.peer}/${key}`))
    const honestPeers = new Set(honest.map(({ peer }) => peer))
    const held = actor.node?.records('semaphore') ?? []
    return held.filter((r) => honestPeers.has(r.peer) && !mine.has(`${r.peer}/${r.key}`)).length
  }
}

/** A semaphore's body here: `{ sha256 }`, as far as quorums look at it. */
function voiceOf(record: MeshRecord): Voice | undefined {
  const { sha256 } = (record.body ?? {}) as { sha256?: string }
  if (typeof sha256 !== 'string') return undefined
  const { peer, received, expires } = record
  return { peer, kind: 'ph_sequence_anomaly', subject: sha256, sha256, raised: received, expires }
}

export function tableOf(outcomes: readonly Outcome[]): string {
  const head = [
    'scenario',
    'hosts',
    'coverage',
    'p50 ms',
    'max ms',
    'false quorums',
    'forged',
    'CPU ms/delivery',
    'heap MiB',
  ]
  const rows = outcomes.map((o) => [
    o.name,
    String(o.hosts),
    `${(o.coverage * 100).toFixed(2)} %`,
    o.p50Ms.toFixed(0),
    o.maxMs.toFixed(0),
    String(o.falseQuorums),
    String(o.forged),
    o.cpuMsPerDelivery.toFixed(2),
    o.heapMiB.toFixed(0),
  ])
  const widths = head.map((text, i) => Math.max(text.length, ...rows.map((row) => (row[i] as string).length)))
  const line = (row: string[]) =>
    row
      .map((text, i) => (i === 0 ? text.padEnd(widths[i] as number) : text.padStart(widths[i] as number)))
      .join('  ')
  const details = outcomes.map((o) => {
    const refused = Object.entries(o.refused)
      .sort((a, b) => b[1] - a[1])
      .slice(0, 5)
      .map(([why, count]) => `${why} ${count}`)
    const notes = Object.entries(o.notes).map(([what, value]) => `${what}: ${value}`)
    return `  ${o.name}: refused ${refused.join(', ') || 'nothing'}${notes.length === 0 ? '' : `; ${notes.join(', ')}`}`
  })
  return [line(head), ...rows.map(line), '', ...details].join('\n')
}
