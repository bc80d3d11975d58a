/** `--judge`: what the judgement says of traces, in the words of the command line. */
import {
  type ExecEdge,
  type Judgement,
  type JudgementLevel,
  judgementFrom,
  measureUnit,
  type Observables,
  OUT_OF_RANGE,
  type ProfileRecord,
  spokenParts,
  type UnitScore,
  type Verdict,
  type VerdictPart,
  verdictLevel,
} from '#homeostasis'
import { callName } from '#syscalls'
import { CommandError } from '../errors.ts'
import type { Unit } from './units.ts'

/** What is told of the unit of a trace that is the oddest. */
export interface TraceJudgement extends Observables {
  /** J; null: too few units were learned. */
  bits: number | null
  severity: JudgementLevel
  why: Why
}

export interface Why {
  /** Which parts made the bits. */
  spoke: VerdictPart[]
  /** Bits of each observable alone. */
  bits: Observables | null
  /** Learned units it is compared with, and the share of them with something new. */
  m: number
  q: number | null
  /** Programs that were never started before. */
  newEdges: ExecEdge[]
  /** The first windows that spoke, oldest call first; `call` is the place of the last in its unit, from 0. */
  windows: { part: VerdictPart; call: number; calls: string[] }[]
  /** Why there is no judgement. */
  note?: string
}

/** Three places are more than the observables mean. */
const round = (value: number) => Math.round(value * 1000) / 1000

/** The oddest unit so far of one trace. */
export class Oddest {
  #verdict: Verdict | undefined
  #windows: UnitScore['windows'] | undefined
  #edges: ExecEdge[] = []

  add(unit: Unit, judgement: Judgement): void {
    const score = measureUnit(judgement.supports, unit.calls)
    const verdict = judgement.judge(score, unit.edges)
    this.#edges.push(...verdict.newEdges)
    if (this.#verdict !== undefined && (verdict.bits ?? score.n) <= (this.#verdict.bits ?? this.#verdict.n))
      return
    this.#verdict = verdict
    this.#windows = score.windows
  }

  told(judgement: Judgement, nameOf: (call: number) => string): TraceJudgement {
    if (this.#verdict === undefined) return ofNothing(judgement)
    const verdict: Verdict = { ...this.#verdict, newEdges: this.#edges }
    const severity = verdictLevel(verdict)
    const spoke = spokenParts(verdict)
    const { n, r, s, bits, parts, m, q } = verdict
    const windows = severity === 'none' ? undefined : this.#windows
    return {
      n,
      r,
      s: round(s),
      bits: bits === undefined ? null : round(bits),
      severity,
      why: {
        spoke,
        bits: parts ? { n: round(parts.n), r: round(parts.r), s: round(parts.s) } : null,
        m,
        q: q === undefined ? null : round(q),
        newEdges: [...verdict.newEdges],
        windows: (['n', 'r', 's'] as const)
          .filter((part) => windows && spoke.includes(part))
          .flatMap((part) =>
            windows![part].map(({ at, calls }) => ({ part, call: at, calls: calls.map(nameOf) })),
          ),
        ...(bits === undefined ? { note: tooFew(judgement) } : {}),
      },
    }
  }
}

/** A trace without calls is no usual one: nothing is known of it. */
function ofNothing(judgement: Judgement): TraceJudgement {
  const { m, q } = judgement.judge({ n: 0, r: 0, s: 0 })
  const why: Why = {
    spoke: [],
    bits: null,
    m,
    q: q === undefined ? null : round(q),
    newEdges: [],
    windows: [],
  }
  return {
    n: 0,
    r: 0,
    s: 0,
    bits: null,
    severity: 'none',
    why: { ...why, note: 'it has no calls: nothing to judge' },
  }
}

export function tooFew(judgement: Judgement): string {
  return `${judgement.units} units were learned, of which ${judgement.comparable} can be compared with; 8 are needed for a judgement`
}

/** The judgement that a profile carries. */
export function judgementOf(record: ProfileRecord, profile: string): Judgement {
  if (record.judgement === undefined)
    throw new CommandError(
      `${profile}: it was learned without judgement data: learn it with lymph trace learn, without --no-judge`,
    )
  return judgementFrom(record.judgement)
}

export function namesOf(record: ProfileRecord): (call: number) => string {
  const { abi } = record.key
  return (call) => (call === OUT_OF_RANGE ? '(other)' : (record.names.get(call) ?? callName(abi, call)))
}

/** One line for people: the parts that spoke, with their bits, and the first window. */
export function whyText({ bits, severity, why }: TraceJudgement): string {
  if (bits === null) return why.note ?? ''
  if (severity === 'none') return ''
  const parts = why.spoke.map((part) =>
    part === 'n' || part === 'r' || part === 's'
      ? `${part.toUpperCase()} ${why.bits![part].toFixed(1)}`
      : part,
  )
  const first = why.windows[0]
  const edges = why.newEdges.map(({ parent, started }) => `${parent} started ${started}`)
  return [
    `${parts.join(', ')} (m ${why.m}, q ${why.q})`,
    ...edges.slice(0, 2),
    ...(first ? [`${first.part.toUpperCase()} at call ${first.call}: ${first.calls.join(' ')}`] : []),
  ].join('; ')
}
