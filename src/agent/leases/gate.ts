/**
 * pH's suspend_execve, as a process of the keeper's: `gate.ts FOLDER`. Programs that a process under such a lease, or what
 * descends from it, wants to start wait until the lease is over; everybody else's start at once. It lives only while
 * there is such a lease, and when it dies, everybody goes on.
 */
import { lineOf, startTicksOf } from '../host/processes.ts'
import { dieWithParent, ExecPermission, type ExecRequest } from './fanotify.ts'
import { readLeases } from './file.ts'

const LOOK_MS = 200
/** Who waits at most; beyond that a start is refused (EPERM). */
const WAITING_LIMIT = 256

const [folder] = process.argv.slice(2)
if (!folder) {
  process.stderr.write('gate: the folder of leases is missing\n')
  process.exit(2)
}
dieWithParent()
let permission: ExecPermission
try {
  permission = new ExecPermission()
} catch (error) {
  process.stderr.write(`gate: ${(error as Error).message}\n`)
  process.exit(4)
}
process.stdout.write('gate: starts of programs are asked for\n')

/** Pid to start, of those whose starts wait. */
let suspended = new Map<number, number>()
let waiting: ExecRequest[] = []
let lookedAt = Number.NEGATIVE_INFINITY

function look(now: number): void {
  if (now - lookedAt < LOOK_MS) return
  lookedAt = now
  suspended = new Map(
    readLeases(folder as string).flatMap(({ undo, until }) =>
      undo.kind === 'release-exec' && until > now ? [[undo.pid, undo.startTicks] as const] : [],
    ),
  )
}

function isSuspended(pid: number): boolean {
  for (const one of lineOf(pid)) {
    const startTicks = suspended.get(one)
    if (startTicks !== undefined && startTicksOf(one) === startTicks) return true
  }
  return false
}

look(Date.now())
// Every start of a program on this host waits for an answer from here: it is given before anything else is done.
for (;;) {
  for (const request of permission.wait(LOOK_MS)) {
    if (!isSuspended(request.pid)) request.answer(true)
    else if (waiting.length < WAITING_LIMIT) waiting.push(request)
    else request.answer(false)
  }
  look(Date.now())
  waiting = waiting.filter((request) => {
    if (isSuspended(request.pid)) return true
    request.answer(true)
    return false
  })
  if (suspended.size === 0 && waiting.length === 0) process.exit(0)
}
