/** How the agent would hold suspended execs here, tried rather than looked up: a kernel may list the BPF LSM and refuse it. */
import { inspectExecGate } from '#agent'
import { type Finding, failed, ok, skipped } from './finding.ts'

export function checkExecGate(): Finding {
  const check = 'exec gate'
  if (process.getuid?.() !== 0) return skipped(check, 'which way execs would be suspended only root can try')
  const { how, why } = inspectExecGate()
  if (how === 'lsm')
    return ok(check, 'suspended execs are held in the kernel (BPF LSM); no other is asked about')
  if (how === 'fanotify')
    return ok(
      check,
      `while execs are suspended every exec of this host is asked about (fanotify): no BPF LSM: ${why}`,
    )
  return failed(
    check,
    `execs cannot be suspended: ${why}`,
    'use a kernel with CONFIG_BPF_LSM and lsm=...,bpf, or with CONFIG_FANOTIFY_ACCESS_PERMISSIONS',
  )
}
