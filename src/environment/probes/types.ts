/** When a reading is taken. `at`: ms since the epoch; `monotonicMs`: ms of a clock that nobody sets. */
export interface Moment {
  at: number
  monotonicMs: number
}

/** What could not be had. `about` (a path or a name) stays the same while the cause does; `line` says it to a person. */
export interface Problem {
  about: string
  line: string
}

/** Remote addresses of one service in one direction, as the kernel spells them (`addressText` reads them), with sockets each. */
export type Remotes = ReadonlyMap<string, number>

/** A port somebody listens on. */
export interface Listener {
  protocol: 'tcp4' | 'tcp6' | 'udp4' | 'udp6'
  port: number
  address: string
}

export interface SocketReading {
  /** `www_in` -> addresses. Only names with a connected socket. */
  remotes: ReadonlyMap<string, Remotes>
  /** Names in `remotes` whose addresses were too many to keep: their entropy cannot be told. */
  cut: ReadonlySet<string>
  listeners: readonly Listener[]
}

/** What a probe found: values by observable, in the units of docs/reference/observables.md. */
export interface Reading {
  readonly values: ReadonlyMap<string, number>
  readonly problems: readonly Problem[]
  readonly sockets?: SocketReading | undefined
}

/**
 * One source of observables. Reading is synchronous and starts no process; a counter gives no value at its first
 * reading. Nothing that a file holds makes `read` throw.
 */
export interface Probe {
  readonly name: string
  read(now: Moment): Reading
  close?(): void
}

/** Where the kernel's and the system's files are; a test puts folders of its own here. */
export interface Places {
  proc: string
  sys: string
  log: string
  run: string
  /** What mount points are under. */
  root: string
}

export const hostPlaces: Readonly<Places> = {
  proc: '/proc',
  sys: '/sys',
  log: '/var/log',
  run: '/run',
  root: '/',
}
