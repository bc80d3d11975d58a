/**
 * `scripts/demo`: three hosts in network namespaces on this machine, one mesh, an abnormal run on one, its warning on the others.
 * The abuse is harmless: a copy of the shell, trained to do one thing, does another.
 */
import { execFile } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Lab, type LabHost, noNamespaces } from '../test/system/namespaces.ts'

const run = promisify(execFile)
const say = (line: string) => console.log(`\n== ${line}`)
const patienceMs = 30_000

interface Told {
  subject: string
  host: string
  severity: string
  maxLfc: number
  pairs?: unknown[]
}

const reason = noNamespaces()
if (reason !== undefined) {
  console.error(`the demo makes network namespaces: ${reason}; run it as root`)
  process.exit(2)
}
const folder = mkdtempSync(join(tmpdir(), 'lymph-demo-'))
const helper = join(folder, 'helper')
copyFileSync('/bin/sh', helper)
const lab = Lab.make(['web-1', 'web-2', 'db-1'])
// Ctrl-C ends the demo as its end does.
const enough = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => enough.abort())
try {
  await Promise.race([
    show(),
    new Promise((_, reject) => enough.signal.addEventListener('abort', () => reject(new Error('stopped')))),
  ])
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
} finally {
  await lab.end()
  rmSync(folder, { recursive: true, force: true })
}
process.exit()

async function show(): Promise<void> {
  const [first, ...others] = lab.hosts as [LabHost, ...LabHost[]]
  say(
    `three hosts start, each with a network of its own: ${lab.hosts.map(({ name, address }) => `${name} ${address}`).join(', ')}`,
  )
  await lab.up(first)
  const { sensor } = await lab.ask<{ sensor: string }>(first, ['status'])
  await Promise.all(others.map((host) => lab.up(host, '--no-sensor')))
  say(
    `${first.name} watches with the ${sensor === 'kernel' ? 'kernel sensor' : `sensor "${sensor}"`}; the others only listen`,
  )

  const { id } = await lab.ask<{ id: string }>(first, ['mesh', 'init'])
  say(`lymph mesh init on ${first.name}: mesh ${id}`)
  for (const host of others) {
    const { token } = await lab.ask<{ token: string }>(first, ['mesh', 'invite'])
    await lab.ask(host, ['mesh', 'join', '-'], `${token}\n`)
    say(
      `lymph mesh join on ${host.name}, with a token of ${token.length} characters that is good for one host and one hour`,
    )
  }
  await until('all are connected', async () => {
    const { connected } = await lab.ask<{ connected: number }>(first, ['mesh', 'status'])
    return connected === others.length
  })
  for (const { name, state } of await lab.ask<{ name: string; state: string }[]>(first, ['mesh', 'members']))
    console.log(`   ${name} ${state}`)
  await sleep(2000)

  if (sensor !== 'kernel') {
    say('without the kernel sensor nothing is watched here; the report of an abnormal run is made up instead')
    await follow(others, async () => lab.raise(first, { binary: helper }))
    return
  }
  say(
    `${helper} runs thirty times, always the same way; then that is declared normal: lymph profile normalize`,
  )
  for (let i = 0; i < 30; i++) await run(helper, ['-c', 'cd /; : >/dev/null'])
  await until('its profile is there', async () => {
    const rows = await lab.ask<{ binary: string; calls: number; sha256: string }[]>(first, [
      'profile',
      'list',
    ])
    return rows.some(({ binary, calls, sha256 }) => binary === helper && calls > 0 && sha256 !== '')
  })
  await lab.ask(first, ['profile', 'normalize', helper])
  say(
    'now it does something it never did: sets its umask, traps a signal, sends it to itself, lowers a limit',
  )
  await follow(others, async () => {
    await run(helper, ['-c', 'umask 077; trap : USR1; kill -USR1 $$; ulimit -S -n 64'])
  })
  say(`lymph warnings on ${others[0]?.name}, and the classes that policies can be written over`)
  for (const noun of ['warnings', 'classes']) console.log(await lab.show(others[0] as LabHost, [noun]))
}

/** Runs `abuse` and prints the warning as it comes to each of `hosts`, with the time it took. */
async function follow(hosts: LabHost[], abuse: () => Promise<void>): Promise<void> {
  const told = new Map<string, Told & { at: number }>()
  for (const host of hosts)
    lab.follow(host, (warning) => {
      if (!told.has(host.name))
        told.set(host.name, { ...(warning as unknown as Told), at: performance.now() })
    })
  await sleep(2500)
  const began = performance.now()
  await abuse()
  await until('the others have been warned', async () => told.size === hosts.length)
  for (const [name, warning] of told)
    console.log(
      `   ${name}, after ${Math.round(warning.at - began)} ms: ${warning.host}: ${warning.severity}: ${warning.subject}, LFC ${warning.maxLfc}, ${warning.pairs?.length ?? 0} unseen pairs`,
    )
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + patienceMs
  while (!(await condition().catch(() => false))) {
    if (performance.now() > end) throw new Error(`it did not happen within ${patienceMs / 1000} s: ${what}`)
    await sleep(100)
  }
}
