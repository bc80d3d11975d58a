/** What the eBPF program and this process share: the other half of bpf/layout.h. A test compares the two. */

export const SLOTS = 512
export const EMPTY = 511
/** Distances a window can have at most. */
export const PREVIOUS = 8

/** Fields of `struct profile`, in bytes. */
export const Profile = {
  bytes: 128 + 4 * SLOTS,
  generation: 0,
  need: 4,
  mask: 8,
  stride: 12,
  restartNumber: 16,
  used: 20,
  tasks: 24,
  anomalies: 28,
  trainBase: 32,
  modTotal: 40,
  sequences: 48,
  dirty: 56,
  abi: 60,
  device: 64,
  inodeGeneration: 68,
  inode: 72,
  announced: 80,
  armed: 84,
  grams: 88,
  judge: 96,
  script: 100,
  row: 128,
} as const

export const ROW_BYTES = 2 * SLOTS

/** Fields of `struct cpu`, in words of 8 bytes. */
export const Cpu = {
  bytes: 128,
  seen: 0,
  restarted: 1,
  noProgram: 2,
  noRoom: 3,
  noState: 4,
  lostEvents: 5,
  rowsRefused: 6,
  stops: 7,
  stopsRefused: 8,
  forksLost: 9,
  unitsRefused: 10,
  unitEventsLost: 11,
  scriptsRefused: 12,
} as const

/** Fields of `struct ctl`, in words of 4 bytes. */
export const Ctl = {
  bytes: 64,
  anomalyLimit: 0,
  tolerizeLimit: 1,
  localityWindow: 2,
  cpus: 3,
  ownGroup: 4,
  pressure: 5,
} as const

/** `struct state`. */
export const State = { bytes: 128, tid: 0 } as const

export const KEY_BYTES = 24

/** Fields of `struct event` and `struct profile_event`, in bytes. */
export const Event = {
  bytes: 88,
  type: 0,
  profile: 4,
  generation: 8,
  tgid: 12,
  tid: 16,
  current: 20,
  time: 24,
  start: 32,
  taskCalls: 40,
  near: 48,
  far: 56,
  missing: 64,
  lfc: 68,
  maxLfc: 72,
  anomalies: 76,
  anomalous: 80,
  inode: 88,
  device: 96,
  inodeGeneration: 100,
  abi: 104,
  mountNamespace: 108,
  links: 112,
  namesLength: 116,
  complete: 120,
  names: 128,
  folder: 128 + 1280,
  script: 128 + 1280 + 12,
  arguments: 128 + 1280 + 16,
} as const

/** What is known of an interpreter: `struct interpreted`, in bytes. */
export const Interpreted = {
  bytes: 80,
  code: 0,
  value: 8,
  attached: 16,
  longCode: 24,
  longValue: 40,
  scripts: 72,
  most: 76,
} as const
export const LONG_CODES = 4
export const LONG_VALUES = 8

/** Bytes of one argument in `profile_event`. */
export const ARGUMENT_BYTES = 256
export const ARGUMENTS = 3

export const EventType = {
  profile: 1,
  novelty: 2,
  anomaly: 3,
  normalStopped: 4,
  trainingReset: 5,
  delay: 6,
  ended: 7,
  pressure: 8,
} as const

/** Gram slots: `struct chunk`. */
export const CHUNK_SLOTS = 512
export const CHUNK_BYTES = 4 * CHUNK_SLOTS

/** Windows that a unit remembers having told of. */
const TOLD = 64

/** Fields of `struct unit`, in bytes. */
export const Unit = {
  bytes: 128 + 8 * TOLD + 2048,
  type: 0,
  id: 4,
  table: 8,
  calls: 16,
  cost: 20,
  unknown: 24,
  records: 28,
  frameMost: 36,
  sequence: 40,
  profile: 48,
  generation: 52,
  tgid: 56,
  tid: 60,
  head: 64,
  time: 80,
  reason: 88,
  next: 92,
  begun: 96,
  fresh: 104,
  told: 128,
  touched: 128 + 8 * TOLD,
} as const

/** Fields of `struct unit_window`, in bytes. */
export const UnitWindow = {
  bytes: 48,
  type: 0,
  id: 4,
  sequence: 8,
  place: 12,
  tag: 16,
  again: 20,
  ninth: 24,
  near: 32,
  far: 40,
} as const

/** Records of the ring `unit_events`. */
export const UnitRecord = { window: 1, again: 2, touched: 3, ended: 4 } as const

/** `struct task_record`, which the iterator writes. */
export const TaskRecord = {
  bytes: 40,
  tgid: 0,
  tid: 4,
  profile: 8,
  generation: 12,
  calls: 16,
  anomalous: 24,
  lfc: 32,
  maxLfc: 36,
} as const

/** Distances of a window of `window` calls, as bits. */
export function maskOf(window: number): number {
  return (1 << (window - 1)) - 1
}
