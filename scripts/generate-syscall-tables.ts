/**
 * Writes src/syscalls/tables/*.ts from the kernel headers of this machine (Debian: linux-libc-dev, gcc). Only the
 * preprocessor is used, so any x86-64 host makes all three tables; arm64's comes from asm-generic/unistd.h with the
 * switches that arch/arm64/include/uapi/asm/unistd.h sets.
 *
 *     node scripts/generate-syscall-tables.ts            writes the tables
 *     node scripts/generate-syscall-tables.ts --check    exit 1 when they differ, 3 when the headers are another version
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

interface Source {
  abi: string
  file: string
  constant: string
  header: string
  defines: string[]
}

const sources: Source[] = [
  {
    abi: 'x86-64',
    file: 'x86-64.ts',
    constant: 'X86_64_CALLS',
    header: 'asm/unistd_64.h',
    defines: [],
  },
  { abi: 'i386', file: 'i386.ts', constant: 'I386_CALLS', header: 'asm/unistd_32.h', defines: [] },
  {
    abi: 'arm64',
    file: 'arm64.ts',
    constant: 'ARM64_CALLS',
    header: 'asm-generic/unistd.h',
    defines: [
      '__BITS_PER_LONG=64',
      '__ARCH_WANT_RENAMEAT',
      '__ARCH_WANT_NEW_STAT',
      '__ARCH_WANT_SET_GET_RLIMIT',
      '__ARCH_WANT_TIME32_SYSCALLS',
      '__ARCH_WANT_SYS_CLONE3',
      '__ARCH_WANT_MEMFD_SECRET',
    ],
  },
]

/** Macros after preprocessing `header`, by name. Throws when there is no gcc or no such header. */
function macros(header: string, defines: string[]): Map<string, string> {
  const text = execFileSync('gcc', ['-E', '-dM', ...defines.map((name) => `-D${name}`), '-'], {
    input: `#include <${header}>\n`,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  return new Map([...text.matchAll(/^#define (\w+) (.+)$/gm)].map((match) => [match[1]!, match[2]!.trim()]))
}

/** `6.1.192`: which kernel's headers these are. */
export function headerVersion(): string {
  const found = macros('linux/version.h', [])
  return ['MAJOR', 'PATCHLEVEL', 'SUBLEVEL'].map((part) => found.get(`LINUX_VERSION_${part}`)).join('.')
}

/** Names by number; `-` where no call has the number. */
function names(source: Source): string[] {
  const found = macros(source.header, source.defines)
  const table: string[] = []
  for (const [macro, value] of found) {
    // __NR_syscalls is how many there are; __NR_arch_specific_syscall is where an architecture's own begin.
    const name = /^__NR_(\w+)$/.exec(macro)?.[1]
    if (!name || name === 'syscalls' || name === 'arch_specific_syscall') continue
    const number = Number(/^\d+$/.test(value) ? value : found.get(value))
    if (Number.isInteger(number)) table[number] = name
  }
  return Array.from(table, (name) => name ?? '-')
}

/** The text of a table's file. */
function render(source: Source, version: string): string {
  const lines: string[] = []
  let line = ''
  for (const name of names(source)) {
    if (line.length + 1 + name.length > 108) {
      lines.push(line)
      line = ''
    }
    line += `${line && ' '}${name}`
  }
  lines.push(line)
  return [
    `// Generated from ${source.header} of Linux ${version} by scripts/generate-syscall-tables.ts. Not edited by hand.`,
    '',
    `/** System calls of ${source.abi} in the order of their numbers, from 0; \`-\`: no call has the number. */`,
    `export const ${source.constant} = \`\\`,
    ...lines,
    '`',
    '',
  ].join('\n')
}

const folder = fileURLToPath(new URL('../src/syscalls/tables/', import.meta.url))

/** Which tables would change, and the version they were made from, read out of the files. */
export function compare(): { madeFrom: string; here: string; differing: string[] } {
  const here = headerVersion()
  const madeFrom = new Set<string>()
  const differing = sources.filter((source) => {
    const committed = readFileSync(folder + source.file, 'utf8')
    madeFrom.add(/of Linux (\S+) by/.exec(committed)?.[1] ?? 'unknown')
    return committed !== render(source, here)
  })
  return { madeFrom: [...madeFrom].join(', '), here, differing: differing.map((source) => source.file) }
}

if (import.meta.main) {
  if (process.argv[2] === '--check') {
    const { madeFrom, here, differing } = compare()
    if (madeFrom !== here) {
      console.error(`the tables were made from Linux ${madeFrom}; the headers here are of ${here}`)
      process.exitCode = 3
    } else if (differing.length > 0) {
      console.error(`these differ from the headers: ${differing.join(', ')}; run this script without --check`)
      process.exitCode = 1
    } else console.log(`the tables are those of Linux ${here}`)
  } else {
    const version = headerVersion()
    for (const source of sources) writeFileSync(folder + source.file, render(source, version))
    console.log(`wrote ${sources.length} tables from the headers of Linux ${version}`)
  }
}
