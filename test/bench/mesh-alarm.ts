/**
 * `npm run bench -- mesh-alarm`: two hosts as their users start them; one of them has learned two days, and 200 sockets are opened to
 * one of its ports. How long until the other warns of it, and, the sockets closed, until that is cleared. A slot has five minutes, so
 * this takes up to twenty.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Warning } from '#incidents'
import { learnTwoDays } from '../environment/watch/two-days.ts'

const run = promisify(execFile)
const lymph = new URL('../../src/cli/main.ts', import.meta.url).pathname
const folder = mkdtempSync(join(tmpdir(), 'lymph-alarm-'))
chmodSync(folder, 0o755)
const running: ChildProcess[] = []

async function ask<T>(state: string, args: string[], input?: string): Promise<T> {
  const asked = run(process.execPath, [lymph, '--state', state, '--json', ...args])
  if (input !== undefined) asked.child.stdin?.end(input)
  return JSON.parse((await asked).stdout) as T
}

async function up(state: string, name: string, config: string): Promise<void> {
  const listen = '/ip4/127.0.0.1/tcp/0'
  const args = ['--state', state, '--config', config, 'up', '--no-sensor', '--host', name, '--listen', listen]
  const child = spawn(process.execPath, [lymph, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  running.push(child)
  let said = ''
  for await (const chunk of child.stdout) {
    said += chunk
    if (said.split('\n').includes('ready')) break
  }
}

/** Seconds until `look` finds something. */
async function wait<T>(
  what: string,
  seconds: number,
  look: () => Promise<T | undefined>,
): Promise<[number, T]> {
  for (const began = Date.now(); ; await pause(500)) {
    const found = await look()
    if (found !== undefined) return [(Date.now() - began) / 1000, found]
    if (Date.now() - began > seconds * 1000) throw new Error(`not within ${seconds} s: ${what}`)
  }
}

const sockets: Socket[] = []
const server = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1')
try {
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const config = join(folder, 'config.yaml')
  writeFileSync(config, `environment:\n  observables:\n    - name: ours\n      port: ${port}\n`, {
    mode: 0o644,
  })
  const [a, b] = [join(folder, 'a'), join(folder, 'b')] as const
  await learnTwoDays(a)
  await up(a, 'a', config)
  await up(b, 'b', config)
  await ask(a, ['mesh', 'init'])
  const { token } = await ask<{ token: string }>(a, ['mesh', 'invite'])
  await ask(b, ['mesh', 'join', '-'], token)
  for (let i = 0; i < 200; i++) sockets.push(connect(port, '127.0.0.1'))
  const ours = async () =>
    (await ask<Warning[]>(b, ['warnings'])).find(
      ({ about, subject }) => about === 'observable' && subject.startsWith('ours'),
    )
  const [raised, warning] = await wait('the warning', 700, ours)
  const classes = (await ask<{ name: string }[]>(b, ['classes'])).map(({ name }) => name)
  for (const socket of sockets) socket.destroy()
  const [cleared] = await wait('its end', 1000, async () => ((await ours()) === undefined ? true : undefined))
  const mesh = classes.filter((name) => name.startsWith('mesh_'))
  console.log(
    JSON.stringify({
      bench: 'mesh-alarm',
      raisedAfterS: raised,
      clearedAfterS: cleared,
      warning,
      classes: mesh,
    }),
  )
} finally {
  for (const socket of sockets) socket.destroy()
  server.close()
  for (const child of running) child.kill('SIGINT')
  await pause(2000)
  for (const child of running) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
}
