/** player.c as a program of this name, and what it takes to watch it. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'

/** Calls the player cannot replay: they end it, make tasks, wait, or replace it. By number, on this machine. */
export const UNPLAYABLE = new Set(
  process.arch === 'arm64'
    ? [81, 93, 94, 95, 128, 129, 130, 131, 133, 139, 142, 220, 221, 260, 267, 281, 434, 435]
    : [15, 34, 56, 57, 58, 59, 60, 61, 62, 130, 162, 169, 200, 219, 231, 234, 247, 306, 322, 434, 435],
)
export const EXIT_GROUP = process.arch === 'arm64' ? 94 : 231

/** Why its 32-bit calls cannot be made here; false where they can. */
export const noCompat: string | false =
  process.arch === 'x64' ? false : 'a 64-bit program makes 32-bit calls on x86-64 alone'

/** The longest single argument Linux takes is 128 KiB. */
const ARGUMENT = 100_000

export function noCompiler(): string | undefined {
  if (!['x64', 'arm64'].includes(process.arch)) return 'the player is written for x86-64 and arm64'
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
