/** The recorded runs of seven programs, through `trace learn` and `trace score --judge`: five folds of the normal ones. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { recordOf } from '#homeostasis'
import { learn } from '../../../src/cli/trace/learn.ts'
import { score } from '../../../src/cli/trace/score.ts'
import { data } from './sets.ts'

const FOLDS = 5
const SEVERE_LFC = 13

/** One run: the largest LFC and J of its processes, and whether any started what was never started. */
interface Run {
  lfc: number
  bits: number
  edge: boolean
}

export async function captures(window: number) {
  const folder = mkdtempSync(join(tmpdir(), 'lymph-captures-'))
  const normal: Run[] = []
  const abuse: Run[] = []
  try {
    execFileSync('tar', ['xzf', join(data, 'strace-capture/strace-open.tar.gz'), '-C', folder])
    const root = join(folder, 'strace-open')
    for (const program of readdirSync(root).sort()) {
      const files = readdirSync(join(root, program))
        .sort()
        .map((name) => join(root, program, name))
      const runs = files.filter((file) => file.includes('/normal-'))
      for (let fold = 0; fold < FOLDS; fold++)
        normal.push(
          ...(await scored(
            runs.filter((_, i) => i % FOLDS !== fold),
            runs.filter((_, i) => i % FOLDS === fold),
            window,
          )),
        )
      const abuses = files.filter((file) => file.includes('/abuse-'))
      abuse.push(...(await scored(runs, abuses, window)))
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  const share = (runs: Run[], odd: (run: Run) => boolean) =>
    Number(((100 * runs.filter(odd).length) / runs.length).toFixed(1))
  const both = (odd: (run: Run) => boolean) => ({ abuse: share(abuse, odd), normal: share(normal, odd) })
  const severity = ({ bits, edge }: Run) => Math.min(bits, 8) + (edge ? 8 : 0)
  return {
    normal: normal.length,
    abuse: abuse.length,
    lfc13: both(({ lfc }) => lfc >= SEVERE_LFC),
    severity7: both((run) => severity(run) >= 7),
    severity10: both((run) => severity(run) >= 10),
    newEdge: both(({ edge }) => edge),
  }
}

async function scored(train: string[], test: string[], window: number): Promise<Run[]> {
  const { profile, judgement } = await learn(train, { window, empty: 'skip', judge: true }, 0)
  const runs: Run[] = []
  for (const file of test) {
    const rows = await score([file], recordOf(profile, { since: 0, made: 0 }), { judgement: judgement! })
    runs.push({
      lfc: Math.max(0, ...rows.map((row) => row.maxLfc)),
      bits: Math.max(0, ...rows.map((row) => row.bits ?? 0)),
      edge: rows.some((row) => (row.why?.newEdges.length ?? 0) > 0),
    })
  }
  return runs
}
