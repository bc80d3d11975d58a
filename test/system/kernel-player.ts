/** player.c as a program of this name, and what it takes to watch it. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'

/** Calls the player cannot replay: they end it, make tasks, wait, or replace it. x86-64 numbers. */
export const UNPLAYABLE = new Set([
  15, 34, 56, 57, 58, 59, 60, 61, 62, 130, 162, 169, 200, 219, 231, 234, 247, 306, 322, 434, 435,
])
export const EXIT_GROUP = 231

/** The longest single argument Linux takes is 128 KiB. */
const ARGUMENT = 100_000

export function noCompiler(): string | undefined {
  if (process.arch !== 'x64') return 'the player is written for x86-64'
  return spawnSync('gcc', ['--version']).error ? 'gcc is not installed' : undefined
}

export class Player {
  readonly #folder: string
  readonly #built: string

  constructor(folder: string) {
    this.#folder = folder
    chmodSync(folder, 0o755)
    this.#built = join(folder, 'player')
    const source = join(import.meta.dirname, 'player.c')
    const flags = [
      '-O2',
      '-static',
      '-nostdlib',
      '-nostartfiles',
      '-fno-stack-protector',
      '-Wl,--build-id=none',
    ]
    const gcc = spawnSync('gcc', [...flags, '-o', this.#built, source], { encoding: 'utf8' })
    if (gcc.status !== 0) throw new Error(gcc.stderr)
  }

  /** A program of its own, to a sensor. */
  path(name: string): string {
    const path = join(this.#folder, name)
    if (!existsSync(path)) copyFileSync(this.#built, path)
    return path
  }

  /** Starts it as nobody, in a process group of its own. */
  start(name: string, script: string) {
    const parts: string[] = []
    for (let at = 0; at < script.length; ) {
      let end = Math.min(script.length, at + ARGUMENT)
      while (end < script.length && script[end] !== ' ') end--
      parts.push(script.slice(at, end))
      at = end
    }
    return spawn(this.path(name), parts, { stdio: 'ignore', detached: true, uid: 65_534, gid: 65_534 })
  }

  async play(name: string, calls: readonly number[] | string): Promise<number> {
    const program = this.start(name, typeof calls === 'string' ? calls : calls.join(' '))
    const [code, signal] = await once(program, 'exit')
    if (code !== 0) throw new Error(`the player ended with ${code ?? signal}`)
    return program.pid as number
  }
}
