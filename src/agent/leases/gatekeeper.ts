/**
 * The keeper's end of the gate of execs: started while there is a lease on execs, watched, and when it dies, whom it held
 * in the kernel goes on. The kernel's map of those is open here too, so that nothing is lost with the gate.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { WaitingExecs } from '#sensor/exec-gate'
import { readLeases } from './file.ts'
import { continueExec, continueLeftovers, gateSilentMs, readGate, removeGate } from './gate-file.ts'

const gateMain = fileURLToPath(new URL('gate.ts', import.meta.url))
/** A gate that has not said for this long that it is at work hangs. */
const SILENT_MS = 10_000
/** An exec that the kernel was looking at when its gate died stops within this time. */
const IN_FLIGHT_MS = [0, 20, 100, 300, 600]

export class Gatekeeper {
  readonly #folder: string
  readonly #kind: string
  readonly #onDeath: () => void
  #gate: ChildProcess | undefined
  #waiting: WaitingExecs | undefined

  /** @param onDeath it ended and was not to: nobody enforces the leases on execs */
  constructor(folder: string, kind: string, onDeath: () => void) {
    this.#folder = folder
    this.#kind = kind
    this.#onDeath = onDeath
  }

  /** A look, twice a second. */
  async look(): Promise<void> {
    if (this.#gate) {
      if (gateSilentMs(this.#folder) > SILENT_MS) this.#gate.kill('SIGKILL')
      await this.#open(this.#gate)
    } else if (readLeases(this.#folder).some(({ undo }) => undo.kind === 'release-exec')) this.#start()
  }

  #start(): void {
    removeGate(this.#folder)
    // A session of its own: what ends the keeper's group leaves somebody who continues those who wait.
    const gate = spawn(process.execPath, [gateMain, this.#folder, this.#kind], {
      stdio: ['pipe', 'inherit', 'inherit'],
      detached: true,
    })
    gate.stdin?.on('error', () => {})
    this.#gate = gate
    gate.on('error', () => void this.#ended(gate, 1))
    gate.on('exit', (code) => void this.#ended(gate, code))
  }

  /** The map of those who wait, once the gate has said which it is: before it holds anybody. */
  async #open(gate: ChildProcess): Promise<void> {
    if (this.#waiting) return
    const word = readGate(this.#folder)
    if (word?.map === undefined || word.pid !== gate.pid) return
    const { WaitingExecs } = await import('#sensor/exec-gate')
    try {
      if (this.#gate === gate) this.#waiting ??= new WaitingExecs({ id: word.map })
    } catch {
      // It has ended: its file tells who waits.
    }
  }

  async #ended(gate: ChildProcess, code: number | null): Promise<void> {
    if (this.#gate !== gate) return
    this.#gate = undefined
    const waiting = this.#waiting
    this.#waiting = undefined
    if (code !== 0) this.#onDeath()
    removeGate(this.#folder)
    continueLeftovers(this.#folder)
    if (!waiting) return
    for (const ms of IN_FLIGHT_MS) {
      await new Promise((resolve) => setTimeout(resolve, ms))
      for (const one of waiting.all()) {
        waiting.forget(one.pid)
        continueExec(this.#folder, one)
      }
    }
    waiting.close()
  }
}
