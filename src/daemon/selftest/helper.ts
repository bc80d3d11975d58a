/** The program that the self-test watches, and what a way of watching it can do. */
import type { Sensor } from '#sensor'
import { DaemonError } from '../errors.ts'
import type { Host } from '../host.ts'

/** What the helper does all day, and what it never did: shell built-ins, so that no other program takes part. */
export const usual = 'cd /; while read -r line; do : "$line"; done </etc/hostname; echo done >/dev/null'
export const unusual =
  'umask 077; trap : USR1; kill -USR1 $$; ulimit -S -n 64; cd /tmp; set -C; : >|/dev/null; kill -0 $$'

/** A way of watching the helper on the first host. */
export interface Watching {
  /** What is said of it, once it works. */
  readonly told: string
  /** The first host's live sensor, where the host itself watches. */
  readonly sensor?: Sensor
  /** Has the helper do the usual until it is learned. */
  learn(host: Host): Promise<{ calls: number; pairs: number }>
  /** What was learned is in force. */
  normalize(host: Host): Promise<void>
  /** The helper once, by a script; anomalies are the host's to know when, or soon after, this resolves. */
  run(host: Host, script: string): Promise<void>
  close(): Promise<void>
}

export async function until<T>(step: string, look: () => T | undefined): Promise<T> {
  for (const end = Date.now() + patienceMs; Date.now() < end; ) {
    const found = look()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new DaemonError(`self-test: the step "${step}" did not happen within ${patienceMs / 1000} s`, 1)
}

const patienceMs = 20_000
