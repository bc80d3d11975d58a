/** Checks of the machine: Node.js, the clock, and what the software sensor needs. */
import { spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { type Finding, failed, ok } from './finding.ts'

const nodeMajor = 24
const hourMs = 3_600_000

export function checkNode(version: string = process.versions.node): Finding {
  return Number.parseInt(version, 10) >= nodeMajor
    ? ok('node', `Node.js ${version}`)
    : failed(
        'node',
        `Node.js ${version} is too old`,
        `start lymph with scripts/lymph, which brings Node.js ${nodeMajor}`,
      )
}

/**
 * Certificates and warnings carry times. A clock that stands before the files of this program is set wrong; how far it
 * is from those of other hosts only they can tell.
 */
export function checkClock(now: number, skewsMs: readonly number[] = []): Finding {
  const made = statSync(new URL('../../../package.json', import.meta.url)).mtimeMs
  const sync = 'set it, and keep it right with systemd-timesyncd or chrony'
  if (now < made - hourMs)
    return failed('clock', `it says ${new Date(now).toISOString()}, before this program was put here`, sync)
  const worst = Math.max(0, ...skewsMs.map(Math.abs))
  if (worst > 120_000)
    return failed(
      'clock',
      `it differs by ${Math.round(worst / 1000)} s from a member's; 120 s are borne`,
      sync,
    )
  const against =
    skewsMs.length > 0 ? `, within ${Math.ceil(worst / 1000)} s of ${skewsMs.length} members` : ''
  return ok('clock', `${new Date(now).toISOString()}${against}`)
}

/** Tried rather than looked up: seccomp, Yama and a missing strace all end in the same. */
export function checkStrace(): Finding {
  const check = 'strace'
  const tried = spawnSync('strace', ['-qq', '-f', '-o', '/dev/null', 'true'], {
    encoding: 'utf8',
    timeout: 10_000,
  })
  if ((tried.error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT')
    return failed(check, 'not installed, and `lymph watch` needs it', 'install it: apt-get install strace')
  if (tried.status === 0) return ok(check, '`lymph watch -- COMMAND` works')
  const scope = ptraceScope()
  if (scope === '3' || (scope === '2' && process.getuid?.() !== 0))
    return failed(
      check,
      `tracing is forbidden here: kernel.yama.ptrace_scope is ${scope}`,
      scope === '3'
        ? 'it can only be changed by a restart without that setting'
        : 'watch as root, or as root: sysctl kernel.yama.ptrace_scope=1',
    )
  const said =
    `${tried.stderr ?? ''}`.trim().split('\n')[0] || tried.error?.message || `it ended with ${tried.status}`
  return failed(
    check,
    `tracing a child does not work: ${said}`,
    'allow ptrace (in a container: --cap-add SYS_PTRACE)',
  )
}

function ptraceScope(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/yama/ptrace_scope', 'utf8').trim()
  } catch {
    return undefined
  }
}
