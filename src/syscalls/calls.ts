/** Numbers and names of system calls (reference: kernel headers, see scripts/generate-syscall-tables.ts). */
import { ARM64_CALLS } from './tables/arm64.ts'
import { I386_CALLS } from './tables/i386.ts'
import { X86_64_CALLS } from './tables/x86-64.ts'
import type { Abi } from './types.ts'

/** Every ABI there is a table for. */
export const ABIS: readonly Abi[] = ['x86-64', 'i386', 'arm64']

interface Table {
  names: (string | undefined)[]
  numbers: Map<string, number>
}

function tableOf(text: string): Table {
  const names = text
    .trim()
    .split(/\s+/)
    .map((name) => (name === '-' ? undefined : name))
  const numbers = new Map<string, number>()
  names.forEach((name, number) => {
    if (name !== undefined) numbers.set(name, number)
  })
  return { names, numbers }
}

const tables: Record<Abi, Table> = {
  'x86-64': tableOf(X86_64_CALLS),
  i386: tableOf(I386_CALLS),
  arm64: tableOf(ARM64_CALLS),
}

export function isAbi(text: string): text is Abi {
  return Object.hasOwn(tables, text)
}

/** The name of a call, `syscall_N` where the table has none. */
export function callName(abi: Abi, number: number): string {
  return tables[abi].names[number] ?? `syscall_${number}`
}

/** The number of a call by its name or `syscall_N` (decimal, or 0x and hexadecimal as strace has it). */
export function callNumber(abi: Abi, name: string): number | undefined {
  const known = tables[abi].numbers.get(name)
  if (known !== undefined) return known
  const digits = /^syscall_(0x[0-9a-f]{1,8}|\d{1,10})$/.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** All named calls of an ABI as [number, name], ascending. */
export function* calls(abi: Abi): Generator<[number: number, name: string]> {
  for (const [number, name] of tables[abi].names.entries()) if (name !== undefined) yield [number, name]
}

/** The ABI of native programs here; undefined on a machine lymph has no table for. */
export function abiOf(machine: string): Abi | undefined {
  return ({ x64: 'x86-64', ia32: 'i386', arm64: 'arm64' } as const)[machine as 'x64']
}

/** The ABI of native programs on this host. Throws where there is no table for it. */
export function hostAbi(): Abi {
  const abi = abiOf(process.arch)
  if (abi === undefined)
    throw new Error(
      `lymph has no system-call table for ${process.arch}; it has ${ABIS.join(', ')}: name one with --abi`,
    )
  return abi
}
