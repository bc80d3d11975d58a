/** Whether the BPF LSM is to be had, as far as it can be told without loading anything. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { release } from 'node:os'
import { test } from 'node:test'
import { kernelTooOld } from '../../../src/sensor/kernel/inspect.ts'
import { activeModules, whyNoLsm } from '../../../src/sensor/kernel/lsm.ts'

const fits = !kernelTooOld(release()) && existsSync('/sys/kernel/btf/vmlinux')

test('a list without bpf, and none at all, are reasons with what to do', {
  skip: !fits && 'no such kernel',
}, () => {
  assert.match(
    whyNoLsm(['capability', 'yama']) ?? '',
    /\(capability,yama\); boot with lsm=capability,yama,bpf$/,
  )
  assert.equal(whyNoLsm(['capability', 'bpf']), undefined)
})

test('the list is read whether or not securityfs is mounted', {
  skip: process.getuid?.() !== 0 && 'it takes root',
}, () => {
  const modules = activeModules()
  assert.ok(modules === undefined || modules.includes('capability'), JSON.stringify(modules))
  if (existsSync('/proc/self/attr') && fits) assert.notEqual(modules, undefined)
})
