/** The trace sets as lists of processes, split as the recipe's table splits them. */
import { join } from 'node:path'
import { slotOf } from '#homeostasis'
import { type Abi, CallNames, hasPids, readTrace, traceSources } from '#syscalls'

/** One process: its calls as slots. */
export interface Trace {
  name: string
  calls: Uint16Array
}

/** What is learned, in order, and the normal traces that are scored with it. */
export interface Fold {
  train: Trace[]
  normal: Trace[]
}

/**
 * Normal traces are scored by the fold that did not learn them; attacks once, by all that is normal, or by the one
 * training part where there is but one fold.
 */
export interface Split {
  folds: Fold[]
  all: Trace[]
  attack: Trace[]
}

export const data = join(
  process.env.LYMPH_TEST_DATA ?? join(import.meta.dirname, '../../../../shared/data'),
  'traces',
)

/** Processes of an archive or folder whose path matches `under`, by name; names get the same numbers throughout. */
export async function load(
  place: string,
  under: string,
  abi: Abi,
  names = new CallNames(abi),
): Promise<Trace[]> {
  const traces: Trace[] = []
  for await (const source of traceSources([join(data, place)], { include: [under] })) {
    const tasks = new Map<number, number[]>()
    const of = (task: number) => {
      const held = tasks.get(task) ?? []
      tasks.set(task, held)
      return held
    }
    const format = await readTrace(source, names, {
      call: (task: number, call: number) => of(task).push(slotOf(call)),
      exec: () => {},
      fork: () => {},
      exit: () => {},
    })
    const pids = format !== undefined && hasPids(format)
    for (const [task, calls] of tasks)
      traces.push({ name: `${source.name}${pids ? `#${task}` : ''}`, calls: Uint16Array.from(calls) })
  }
  // Archives give their files as they come; a stable sort keeps the processes of a file in their order.
  const file = (trace: Trace) => trace.name.replace(/#\d+$/, '')
  return traces.sort((a, b) => (file(a) < file(b) ? -1 : file(a) > file(b) ? 1 : 0))
}

/** Numbers in [0, 1), the same every time (Park and Miller). */
export function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

function shuffled<T>(items: readonly T[], seed: number): T[] {
  const next = random(seed)
  const copy = [...items]
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1))
    const held = copy[i]!
    copy[i] = copy[j]!
    copy[j] = held
  }
  return copy
}

/** k folds of shuffled normal traces; as many as there are traces leave one out each, in order. */
function folded(normal: Trace[], attack: Trace[], k: number): Split {
  const mixed = k === normal.length ? normal : shuffled(normal, 1)
  const folds = Array.from({ length: k }, (_, fold) => ({
    train: mixed.filter((_, i) => i % k !== fold),
    normal: mixed.filter((_, i) => i % k === fold),
  }))
  return { folds, all: mixed, attack }
}

const leaveOneOut = (normal: Trace[], attack: Trace[]) => folded(normal, attack, normal.length)
const split = (train: Trace[], normal: Trace[], attack: Trace[] = []): Split => ({
  folds: [{ train, normal }],
  all: train,
  attack,
})

const unm = (place: string, under = '**/*.int') => load(`unm/${place}`, under, 'i386')

async function fhids(service: string): Promise<Split> {
  const names = new CallNames('x86-64')
  const archive = 'fhids/FHIDS-open.tar.gz'
  const normal = await load(archive, `**/normal/${service}/*`, 'x86-64', names)
  const attack = service === 'Git' ? [] : await load(archive, `**/attack/${service}/*`, 'x86-64', names)
  const number = (trace: Trace) => Number.parseInt(trace.name.split('/').at(-1)!, 10)
  normal.sort((a, b) => number(a) - number(b))
  const even = (trace: Trace) => number(trace) % 2 === 0
  return split(
    normal.filter(even),
    normal.filter((trace) => !even(trace)),
    attack,
  )
}

/** Sets of the table, in its order, by name: read when asked for. */
export const sets: Record<string, () => Promise<Split>> = {
  'ADFA-LD': async () => {
    const archive = 'adfa-ld/ADFA-LD-open.tar.gz'
    return split(
      await load(archive, '**/Training_Data_Master/**', 'i386'),
      await load(archive, '**/Validation_Data_Master/**', 'i386'),
      await load(archive, '**/Attack_Data_Master/**', 'i386'),
    )
  },
  'CERT sendmail': async () => {
    const place = 'cert-sendmail-partial'
    const attack = [...(await unm(`${place}/intrusion`)), ...(await unm(`${place}/unsuccessful`))]
    return folded(await unm(`${place}/normal`), attack, 10)
  },
  'FHIDS FTP': () => fhids('FTP'),
  'FHIDS Redis': () => fhids('Redis'),
  login: async () => leaveOneOut(await unm('login/normal'), await unm('login/intrusion')),
  'lpr_unm 10 %': () => lpr(0.1),
  'lpr_unm 50 %': () => lpr(0.5),
  ps: async () => leaveOneOut(await unm('ps/normal'), await unm('ps/intrusion')),
  'synthetic sendmail': async () => {
    const archive = 'synth-sendmail-partial.tar.gz'
    return folded(await unm(archive, '**/normal/**'), await unm(archive, '**/intrusion/**'), 10)
  },
  xlock: async () =>
    leaveOneOut(await unm('xlock.tar.gz', '**/normal/**'), await unm('xlock.tar.gz', '**/intrusion/**')),
}

async function lpr(share: number): Promise<Split> {
  const normal = await unm('lpr_unm.tar.gz', '**/normal/**')
  const attack = await unm('lpr_unm.tar.gz', '**/intrusion/**')
  const learned = Math.floor(normal.length * share)
  return split(normal.slice(0, learned), normal.slice(learned), attack)
}

/** The first traces learned, the rest scored. */
const first = (traces: Trace[], learned: number) => split(traces.slice(0, learned), traces.slice(learned))

/** Further normal traces: nothing to catch, but nothing to accuse either. */
export const normalSets: Record<string, () => Promise<Split>> = {
  'FHIDS Git': () => fhids('Git'),
  lpr_mit: async () => {
    const traces = await unm('lpr_mit-hosts-open.tar.gz')
    return first(traces, Math.floor(traces.length / 2))
  },
  'live sendmail from 700': async () => first(await unm('sendmail-first7176.tar.gz'), 700),
  'live sendmail from 3,588': async () => first(await unm('sendmail-first7176.tar.gz'), 3588),
}
