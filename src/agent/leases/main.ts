/** The keeper as a process: `main.ts FOLDER`, with a pipe to `lymph up` on fd 3 whose end means that `up` died. */

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startTicksOf } from '../host/processes.ts'
import { readLeases } from './file.ts'
import { LeaseKeeper, type Returned } from './keeper.ts'
import { keeperFile } from './port.ts'

const EVERY_MS = 500
const gateMain = fileURLToPath(new URL('gate.ts', import.meta.url))

const [folder] = process.argv.slice(2)
if (!folder) {
  process.stderr.write('keeper: the folder of leases is missing\n')
  process.exit(2)
}
mkdirSync(folder, { recursive: true, mode: 0o700 })
const keeper = new LeaseKeeper(folder)
const say = (returned: readonly Returned[]) => {
  for (const { id, what, why } of returned) process.stdout.write(`lease ${id} ended (${why}): ${what}\n`)
}

let ending = false
let gate: ChildProcess | undefined
function end(): void {
  if (ending) return
  ending = true
  clearInterval(timer)
  gate?.kill('SIGKILL')
  rmSync(keeperFile(folder as string), { force: true })
  const returned = keeper.returnAll()
  // `up`, to whom this would be said, may be gone.
  process.stdout.on('error', () => {})
  say(returned)
  process.exit(0)
}

const up = new Socket({ fd: 3, readable: true, writable: true })
for (const event of ['end', 'close', 'error']) up.on(event, end)
up.resume()
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end)

// What an earlier keeper left: nobody has watched it since.
say(keeper.returnAll())
const file = keeperFile(folder)
const name = JSON.stringify({ pid: process.pid, startTicks: startTicksOf(process.pid) })
writeFileSync(`${file}.new`, name, { mode: 0o600 })
renameSync(`${file}.new`, join(folder, 'keeper'))
const timer = setInterval(() => {
  say(keeper.sweep(Date.now()))
  openGate()
}, EVERY_MS)

/** Asks for programs' starts only while somebody's are suspended. A gate that ends is opened anew while that is so. */
function openGate(): void {
  if (gate || ending || !readLeases(folder as string).some(({ undo }) => undo.kind === 'release-exec')) return
  gate = spawn(process.execPath, [gateMain, folder as string], { stdio: ['ignore', 'inherit', 'inherit'] })
  gate.on('error', () => {
    gate = undefined
  })
  gate.on('exit', () => {
    gate = undefined
  })
}
