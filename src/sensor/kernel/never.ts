/**
 * Programs that are never delayed, whatever anyone asks: those without which nobody could get into the host to ask for
 * something else. A root-owned file adds to them: one absolute path, or one file name, a line; # begins a comment.
 */
import { readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'

const ALWAYS = /^(init|systemd|systemd-.*|\(sd-.*|sshd|sshd-.*|agetty|login|dbus-daemon|dbus-broker.*)$/

export class NeverDelay {
  readonly #paths = new Set<string>()
  readonly #names = new Set<string>()

  constructor(lines: string[] = []) {
    for (const line of lines) {
      const entry = line.replace(/#.*/, '').trim()
      if (entry.startsWith('/')) this.#paths.add(entry)
      else if (entry) this.#names.add(entry)
    }
  }

  /** Throws when the file is not root's alone to write: else whoever could write it would decide. */
  static fromFile(file: string): NeverDelay {
    const stat = statSync(file)
    if (stat.uid !== 0 || stat.mode & 0o022)
      throw new Error(
        `${file}: must be root's and writable by root alone; chown root ${file}; chmod go-w ${file}`,
      )
    return new NeverDelay(readFileSync(file, 'utf8').split('\n'))
  }

  includes(path: string): boolean {
    const name = basename(path)
    return ALWAYS.test(name) || this.#names.has(name) || this.#paths.has(path)
  }
}
