/** Whether programs of the BPF LSM are run here: loading one works on kernels that never call it. */
import { closeSync, existsSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { kernelTooOld } from './inspect.ts'
import { mountNowhere } from './native.ts'

const LIST = '/sys/kernel/security/lsm'

/** The security modules that the kernel asks, in its order; undefined: it cannot be told. Without securityfs, as root. */
export function activeModules(): string[] | undefined {
  if (existsSync(LIST)) return split(readFileSync(LIST, 'latin1'))
  let fd: number
  try {
    fd = mountNowhere('securityfs')
  } catch {
    return undefined
  }
  try {
    return split(readFileSync(`/proc/self/fd/${fd}/lsm`, 'latin1'))
  } catch {
    return undefined
  } finally {
    closeSync(fd)
  }
}

const split = (text: string) => text.trim().split(',').filter(Boolean)

/** Why the exec gate cannot be one of the BPF LSM; undefined: nothing speaks against it. */
export function whyNoLsm(modules: string[] | undefined = activeModules()): string | undefined {
  if (kernelTooOld(release())) return `Linux ${release()} is older than 5.17`
  if (!existsSync('/sys/kernel/btf/vmlinux')) return 'the kernel has no type information (BTF)'
  if (modules === undefined) return 'the active security modules cannot be read'
  if (!modules.includes('bpf'))
    return `bpf is not among the active security modules (${modules.join(',')}); boot with lsm=${[...modules, 'bpf'].join(',')}`
  return undefined
}
