/**
 * Takes the two byte blocks and the order of maps and programs out of a light skeleton's header, as `bpftool gen
 * skeleton -L` (7.1) writes it, so that no C compiler is needed to load it.
 * Usage: extract.ts HEADER OUTPUT-PREFIX CLANG-VERSION BPFTOOL-VERSION
 */
import { readFileSync, writeFileSync } from 'node:fs'

const [header, prefix, clang, bpftool] = process.argv.slice(2)
if (!header || !prefix || !clang || !bpftool) {
  console.error('usage: extract.ts HEADER OUTPUT-PREFIX CLANG-VERSION BPFTOOL-VERSION')
  process.exit(2)
}
const text = readFileSync(header, 'utf8')

function members(struct: string, type: string): string[] {
  const body = new RegExp(`struct \\{([^}]*)\\} ${struct};`).exec(text)?.[1] ?? ''
  return [...body.matchAll(new RegExp(`${type} (\\w+);`, 'g'))].map((match) => match[1] as string)
}

function block(name: string): Buffer {
  const match = new RegExp(
    `opts\\.${name}_sz = (\\d+);\\s*opts\\.${name} = \\(void \\*\\)"((?:[^"\\\\]|\\\\[^])*)"`,
  ).exec(text)
  if (!match) throw new Error(`${header}: no block '${name}'; was the header written by another bpftool?`)
  const bytes: number[] = []
  for (const part of (match[2] as string).matchAll(/\\(?:x([0-9a-f]{2})|(0)|\n)/g))
    if (part[1]) bytes.push(Number.parseInt(part[1], 16))
    else if (part[2]) bytes.push(0)
  if (bytes.length !== Number(match[1]))
    throw new Error(`${header}: block '${name}' has ${bytes.length} bytes and says it has ${match[1]}`)
  return Buffer.from(bytes)
}

const maps = members('maps', 'struct bpf_map_desc')
const programs = members('progs', 'struct bpf_prog_desc')
if (maps.length === 0 || programs.length === 0) throw new Error(`${header}: found no maps or no programs`)
const data = block('data')
const instructions = block('insns')
writeFileSync(`${prefix}.data.bin`, data)
writeFileSync(`${prefix}.insns.bin`, instructions)
writeFileSync(
  `${prefix}.json`,
  `${JSON.stringify({ clang, bpftool, maps, programs, dataBytes: data.length, instructionBytes: instructions.length }, null, 2)}\n`,
)
