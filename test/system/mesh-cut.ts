/** Three hosts in namespaces: founded, joined, one cable pulled and put back. Measures; what has to hold is the caller's to say. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Lab, type LabHost } from './namespaces.ts'

export interface Cut {
  /** mesh init, two invites, two joins, everyone connected, ms; without the start of the processes. */
  joinedMs: number
  /** From an abnormal run on one host to the line of `warnings --follow` on the others, ms. */
  toldMs: number[]
  cutSeconds: number
  /** From the cable's return until every host lists every warning of the others, ms; -1: it did not happen in 60 s. */
  equalMs: number
  expected: number
  lost: string[]
  /** Warnings that a follower was told of as new more than once. */
  twice: string[]
}

export async function cutCable(cutSeconds: number): Promise<Cut> {
  const lab = Lab.make(['a', 'b', 'c'])
  try {
    const [a, b, c] = lab.hosts as [LabHost, LabHost, LabHost]
    await Promise.all(lab.hosts.map((host) => lab.up(host, '--no-sensor')))
    const began = performance.now()
    await lab.ask(a, ['mesh', 'init'])
    for (const host of [b, c]) {
      const { token } = await lab.ask<{ token: string }>(a, ['mesh', 'invite'])
      await lab.ask(host, ['mesh', 'join', '-'], `${token}\n`)
    }
    const connected = async (host: LabHost, count: number) =>
      (await lab.ask<{ connected: number }>(host, ['mesh', 'status'])).connected === count
    for (const host of lab.hosts) await until(() => connected(host, 2), 30_000)
    const joinedMs = Math.round(performance.now() - began)
    // Gossip caches scores for a second.
    await sleep(2000)

    const seen = new Map<LabHost, Map<string, number[]>>()
    for (const host of lab.hosts) {
      const times = new Map<string, number[]>()
      seen.set(host, times)
      lab.follow(host, ({ subject, change }) => {
        if (change !== undefined && change !== 'raised') return
        times.set(subject, [...(times.get(subject) ?? []), performance.now()])
      })
    }
    await sleep(2500)
    const raised = performance.now()
    await lab.raise(a, { binary: '/usr/bin/first' })
    const told = (host: LabHost) => seen.get(host)?.get('/usr/bin/first')?.[0]
    await until(async () => told(b) !== undefined && told(c) !== undefined, 30_000)
    const toldMs = [b, c].map((host) => Math.round((told(host) as number) - raised))

    lab.cable(c, 'down')
    const cut = performance.now()
    const names = (host: LabHost) => Array.from({ length: 5 }, (_, i) => `/usr/bin/${host.name}${i}`)
    for (const host of lab.hosts)
      for (const binary of names(host)) await lab.raise(host, { binary, sha256: sha(binary) })
    await sleep(Math.max(0, cutSeconds * 1000 - (performance.now() - cut)))
    lab.cable(c, 'up')
    const healed = performance.now()
    const all = lab.hosts.flatMap((host) => names(host).map((binary) => `${host.name}:${binary}`))
    const wanted = (host: LabHost) =>
      [...all, 'a:/usr/bin/first'].filter((one) => !one.startsWith(`${host.name}:`))
    const missing = async (host: LabHost) => {
      const held = await lab.warnings(host)
      return wanted(host).filter((one) => !held.includes(one))
    }
    const equal = async () => (await Promise.all(lab.hosts.map(missing))).every((lost) => lost.length === 0)
    const whole = await until(equal, 60_000).then(
      () => true,
      () => false,
    )
    const equalMs = whole ? Math.round(performance.now() - healed) : -1
    await sleep(1000)
    const lost = (await Promise.all(lab.hosts.map(missing))).flat()
    const twice = lab.hosts.flatMap((host) =>
      [...(seen.get(host) ?? [])].flatMap(([subject, times]) =>
        times.length > 1 ? [`${host.name}: ${subject}`] : [],
      ),
    )
    return { joinedMs, toldMs, cutSeconds, equalMs, expected: all.length + 1, lost, twice }
  } finally {
    await lab.end()
  }
}

const sha = (text: string): string => Buffer.from(text).toString('hex').padEnd(64, '0').slice(-64)

async function until(condition: () => Promise<boolean>, withinMs: number): Promise<void> {
  const end = performance.now() + withinMs
  while (!(await condition().catch(() => false))) {
    if (performance.now() > end) throw new Error(`it did not happen within ${withinMs / 1000} s`)
    await sleep(20)
  }
}
