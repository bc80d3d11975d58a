/**
 * Continues what is held when we die, however we die: a shell in a session of its own that is told of each process
 * before it is stopped, and sends SIGCONT to those that are left when its input ends.
 */
import { type ChildProcess, spawn } from 'node:child_process'

const SCRIPT = `
trap '' INT TERM HUP QUIT
held=' '
while read -r what pid; do
  case $what in
    hold) held="$held$pid " ;;
    let) case $held in *" $pid "*) held="\${held%% $pid *} \${held#* $pid }" ;; esac ;;
  esac
done
for pid in $held; do kill -CONT "$pid" 2>/dev/null; done
`

export class Guardian {
  #shell: ChildProcess | undefined

  /** Starting takes milliseconds that a process to be held may not give. */
  begin(): void {
    if (this.#shell) return
    const shell = spawn('/bin/sh', ['-c', SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
    // A guardian that cannot be had, or was killed, leaves leases to our own timers.
    shell.on('error', () => {})
    shell.stdin.on('error', () => {})
    shell.unref()
    this.#shell = shell
  }

  /** To be called before the process is stopped. */
  hold(pid: number): void {
    this.begin()
    this.#shell?.stdin?.write(`hold ${pid}\n`)
  }

  /** To be called after the process was continued. */
  let(pid: number): void {
    this.#shell?.stdin?.write(`let ${pid}\n`)
  }

  end(): void {
    this.#shell?.stdin?.end()
    this.#shell = undefined
  }
}
