import { dirname } from 'node:path'
import { FileGrowth } from './growth.ts'
import { JournalGrowth } from './journal.ts'
import { Draft } from './reading.ts'
import type { Moment, Places, Probe, Reading } from './types.ts'

/** Where distributions keep them: Debian's and Red Hat's Apache, nginx, syslog. */
const files: Readonly<Record<string, readonly string[]>> = {
  webaccess: [
    'apache2/access.log',
    'apache2/other_vhosts_access.log',
    'apache2/access_log',
    'httpd/access_log',
    'httpd/ssl_access_log',
    'nginx/access.log',
    'lighttpd/access.log',
    'caddy/access.log',
  ],
  weberrors: [
    'apache2/error.log',
    'apache2/error_log',
    'httpd/error_log',
    'httpd/ssl_error_log',
    'nginx/error.log',
    'lighttpd/error.log',
  ],
  syslog: ['syslog'],
  messages: ['messages'],
}

/**
 * Growth of the host's logs in bytes a second, of whichever there are: several web servers count together. A log that was
 * there and is gone is a problem; one that was never there is none. `journal` is what systemd-journald wrote.
 */
export class LogProbe implements Probe {
  readonly name = 'logs'
  readonly #logs: readonly { name: string; growth: FileGrowth }[]
  readonly #journal: JournalGrowth
  #before: number | undefined

  constructor({ log, run }: Places) {
    this.#logs = Object.entries(files).flatMap(([name, paths]) =>
      paths.map((path) => ({ name, growth: new FileGrowth(`${log}/${path}`) })),
    )
    this.#journal = new JournalGrowth([`${log}/journal`, `${run}/log/journal`])
  }

  read({ monotonicMs }: Moment): Reading {
    const draft = new Draft()
    const seconds = this.#before === undefined ? 0 : (monotonicMs - this.#before) / 1000
    this.#before = monotonicMs
    const grown = new Map<string, number>()
    const hidden = new Map<string, string>()
    for (const { name, growth } of this.#logs) {
      const step = growth.read()
      if (step.kind === 'grown') grown.set(name, (grown.get(name) ?? 0) + step.bytes)
      else if (step.kind === 'vanished')
        draft.problem(
          growth.path,
          `log ${growth.path}: it was there and is gone: it no longer counts in ${name}; see what removed it`,
        )
      else if (step.kind === 'error') hidden.set(dirname(growth.path), step.why)
    }
    for (const [folder, why] of hidden)
      draft.problem(
        folder,
        `logs in ${folder}: cannot be seen (${why}): they count in no observable; let the daemon into the folder (group adm)`,
      )
    const journal = this.#journal.read(draft)
    if (journal !== undefined) grown.set('journal', journal)
    if (seconds > 0) for (const [name, bytes] of grown) draft.put(name, bytes / seconds)
    return draft
  }
}
