/**
 * The keeper as a process: `main.ts FOLDER [auto|fanotify]`, with a pipe to `lymph up` on fd 3 whose end means that `up`
 * died. The second: how suspended execs are held.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { startTicksOf } from '../host/processes.ts'
import { writeWhole } from '../host/whole-file.ts'
import { removeGate } from './gate-file.ts'
import { Gatekeeper } from './gatekeeper.ts'
import { LeaseKeeper, type Returned } from './keeper.ts'
import { keeperFile } from './port.ts'

const EVERY_MS = 500

const [folder, kind = 'auto'] = process.argv.slice(2)
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
const gate = new Gatekeeper(folder, kind, () => say(keeper.returnExecs()))
function end(): void {
  if (ending) return
  ending = true
  clearInterval(timer)
  // The gate sees the end of its pipe, as it would if we were killed, and lets everybody go on.
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
removeGate(folder)
const file = keeperFile(folder)
writeWhole(file, { pid: process.pid, startTicks: startTicksOf(process.pid) })
const timer = setInterval(() => {
  say(keeper.sweep(Date.now()))
  void gate.look()
}, EVERY_MS)
