import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ABIS, abiOf, CallNames, callName, callNumber, calls, hostAbi, NO_CALL, TraceError } from '#syscalls'
import { compare } from '../../scripts/generate-syscall-tables.ts'

test('numbers that every book on Linux gives', () => {
  assert.equal(callName('x86-64', 59), 'execve')
  assert.equal(callName('i386', 11), 'execve')
  assert.equal(callName('arm64', 221), 'execve')
  assert.equal(callNumber('x86-64', 'getppid'), 110)
  assert.equal(callNumber('i386', 'getppid'), 64)
  assert.equal(callNumber('x86-64', 'semget'), 64)
  // Of those that arm64 names through __NR3264_*.
  assert.equal(callNumber('arm64', 'fadvise64'), 223)
  assert.equal(callNumber('arm64', 'fstat'), 80)
  assert.equal(callNumber('x86-64', 'restart_syscall'), 219)
  assert.equal(callNumber('i386', 'restart_syscall'), 0)
  assert.equal(callNumber('arm64', 'restart_syscall'), 128)
})

test('what no table names is syscall_N, both ways', () => {
  for (const number of [469, 999, 1073741824]) {
    assert.equal(callName('x86-64', number), `syscall_${number}`)
    assert.equal(callNumber('x86-64', `syscall_${number}`), number)
  }
  assert.equal(callName('i386', 17), 'break')
  assert.equal(callName('x86-64', -1), 'syscall_-1')
  assert.equal(callNumber('arm64', 'open'), undefined)
  assert.equal(callNumber('arm64', 'syscall_0x1c4'), 452)
  assert.equal(callNumber('arm64', 'syscall_'), undefined)
  assert.equal(callNumber('arm64', 'toString'), undefined)
})

test('names and numbers of a table are one to one', () => {
  for (const abi of ABIS) {
    const all = [...calls(abi)]
    assert.ok(all.length > 300, `${abi} has ${all.length} calls`)
    assert.equal(new Set(all.map(([, name]) => name)).size, all.length)
    for (const [number, name] of all) assert.equal(callNumber(abi, name), number)
  }
})

test('the ABI of this host is one of ours', () => {
  assert.ok(ABIS.includes(hostAbi()))
  assert.equal(abiOf('arm64'), 'arm64')
  assert.equal(abiOf('s390x'), undefined)
})

/** Why the tables cannot be made anew here. */
function cannotCompare(): string | false {
  try {
    const { madeFrom, here } = compare()
    return madeFrom === here
      ? false
      : `the headers here are of Linux ${here}, the tables were made from ${madeFrom}`
  } catch (error) {
    return `no kernel headers or no gcc here: ${(error as Error).message.split('\n')[0]}`
  }
}

test('the committed tables are what the headers say', { skip: cannotCompare() }, () => {
  assert.deepEqual(compare().differing, [])
})

test('foreign names get numbers from 512 on, and keep them', () => {
  const names = new CallNames('x86-64')
  assert.equal(names.ofName('read'), 0)
  assert.equal(names.ofName('syscall_469'), 469)
  assert.equal(names.ofNumber(509), 509)
  assert.equal(names.ofName('auditon'), 512)
  // 510 and 511 are the pair tables' own.
  assert.equal(names.ofNumber(511), 513)
  assert.equal(names.ofName('syscall_511'), 513)
  assert.equal(names.ofNumber(700), 514)
  assert.equal(names.ofName('auditon'), 512)
  assert.equal(names.nameOf(512), 'auditon')
  assert.equal(names.nameOf(514), 'syscall_700')
  assert.equal(names.nameOf(1), 'write')
  const again = new CallNames('x86-64', names.dynamic, true)
  assert.equal(again.ofName('auditon'), 512)
  assert.equal(again.ofNumber(700), 514)
  assert.equal(again.ofNumber(701), NO_CALL)
  assert.equal(again.ofName('nosuch'), NO_CALL)
  assert.equal(again.dynamic.size, 3)
})

test('more foreign names than a table has room for are refused', () => {
  const names = new CallNames('x86-64')
  assert.throws(() => {
    for (let number = 512; number < 10_000; number++) names.ofNumber(number)
  }, TraceError)
  assert.equal(names.dynamic.size, 3584)
})
