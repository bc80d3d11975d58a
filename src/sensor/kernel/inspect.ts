/** Whether the kernel sensor could run here, and if not, what to do about it. Loads nothing that a bare host lacks. */
import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { release } from 'node:os'

export interface Finding {
  what: string
  why: string
  fix: string
}

const CAPABILITIES: [bit: number, name: string, why: string][] = [
  [5, 'CAP_KILL', 'to stop and continue the processes that are delayed'],
  [19, 'CAP_SYS_PTRACE', 'to read the executables of other users'],
  [38, 'CAP_PERFMON', 'to attach to system calls'],
  [39, 'CAP_BPF', 'to load the eBPF program'],
]
const SYS_ADMIN = 21
/** The number every kernel gives the first pid namespace. */
const FIRST_PID_NAMESPACE = 'pid:[4026531836]'

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

export function missingCapabilities(status: string): string[] {
  const held = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`)
  const has = (bit: number) => (held & (1n << BigInt(bit))) !== 0n
  return CAPABILITIES.filter(([bit]) => !has(bit) && !(bit >= 38 && has(SYS_ADMIN))).map(([, name]) => name)
}

/** Minor version of Linux 5 that is the first: docs/reference/sensor.md says what each brought. */
const FIRST_MINOR: Record<string, number> = { x64: 17, arm64: 18 }

export function kernelTooOld(version: string, arch: string = process.arch): boolean {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  return major < 5 || (major === 5 && minor < (FIRST_MINOR[arch] ?? 18))
}

export async function inspectKernel(): Promise<{ ok: boolean; problems: Finding[] }> {
  const problems: Finding[] = []
  const say = (what: string, why: string, fix: string) => problems.push({ what, why, fix })
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch))
    say(
      `${process.platform} on ${process.arch}`,
      'the sensor knows Linux on x86-64 and arm64',
      'use `lymph watch`',
    )
  if (kernelTooOld(release()))
    say(
      `kernel ${release()}`,
      `the eBPF program is fitted to the kernel by the kernel itself, which it can since 5.${FIRST_MINOR[process.arch] ?? 18}`,
      'boot a newer kernel; until then `lymph watch -- COMMAND` works',
    )
  if (!existsSync('/sys/kernel/btf/vmlinux'))
    say(
      'no /sys/kernel/btf/vmlinux',
      'without its type information (BTF) the kernel cannot fit the eBPF program',
      'use a kernel built with CONFIG_DEBUG_INFO_BTF (every current distribution has it), and mount /sys',
    )
  const missing = missingCapabilities(read('/proc/self/status'))
  for (const [, name, why] of CAPABILITIES)
    if (missing.includes(name)) say(`no ${name}`, why, 'run `lymph up` as root')
  if (read('/sys/kernel/security/lockdown').includes('[confidentiality]'))
    say(
      'lockdown=confidentiality',
      'the kernel then lets no eBPF program read its memory',
      'boot with lockdown=integrity or none',
    )
  let namespace = FIRST_PID_NAMESPACE
  try {
    namespace = readlinkSync('/proc/self/ns/pid')
  } catch {
    say('no /proc', 'processes and their files are found through it', 'mount -t proc proc /proc')
  }
  if (namespace !== FIRST_PID_NAMESPACE)
    say(
      'a pid namespace of its own (a container)',
      'the kernel names processes by their numbers on the host, which are other numbers here',
      'run lymph on the host, or the container with --pid=host',
    )
  if (problems.length === 0) await tryBpf(say)
  return { ok: problems.length === 0, problems }
}

/** Everything looks right: whether bpf(2) is allowed (seccomp, LSM) only a call can tell. */
async function tryBpf(say: (what: string, why: string, fix: string) => void): Promise<void> {
  try {
    const [{ createArray }, { closeSync }] = await Promise.all([import('./bpf.ts'), import('node:fs')])
    closeSync(createArray('lymph_try', 8))
  } catch (error) {
    say(
      `bpf(2) answers: ${(error as Error).message}`,
      'a container, a seccomp filter or a security module refuses it',
      'run lymph outside of it, or allow bpf(2) and perf_event_open(2) there',
    )
  }
}
