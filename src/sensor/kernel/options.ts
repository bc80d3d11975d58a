/** Options of interpreters: which of them come before a script, and which say that there is none. */
import { basename } from 'node:path'
import { Interpreted, LONG_CODES, LONG_VALUES } from './layout.ts'

interface Options {
  /** Of which programs, by the name of the file. */
  name: RegExp
  /** Letters after which there is no script: a command, a module, standard input. */
  code: string
  /** Letters with a value, in the argument or as the next. */
  value: string
  /** Letters whose value is in the same argument, or absent. */
  attached: string
  longCode: readonly string[]
  longValue: readonly string[]
}

/** From the manuals of bash 5.2, dash 0.5.12, Python 3.13, Perl 5.40, Node 24, Ruby 3.3, PHP 8.4. */
const known: readonly Options[] = [
  {
    ...{ name: /^(ba|da|k|mk|z|a)?sh$/, code: 'cs', value: 'oO', attached: '' },
    ...{ longCode: ['help'], longValue: ['rcfile', 'init-file'] },
  },
  {
    ...{ name: /^python[\d.]*$/, code: 'cm', value: 'WX', attached: '' },
    ...{ longCode: ['help'], longValue: ['check-hash-based-pycs'] },
  },
  {
    ...{ name: /^perl[\d.]*$/, code: 'eE', value: 'I', attached: 'MmCdDFilxV' },
    ...{ longCode: ['help'], longValue: [] },
  },
  {
    ...{ name: /^node(js)?$/, code: 'ep', value: 'rC', attached: '' },
    longCode: ['eval', 'print', 'run', 'test'],
    longValue: ['require', 'import', 'loader', 'experimental-loader', 'conditions', 'env-file'],
  },
  {
    ...{ name: /^ruby[\d.]*$/, code: 'e', value: 'ICEr', attached: 'WKTxiF' },
    ...{ longCode: ['help'], longValue: ['encoding', 'external-encoding', 'internal-encoding'] },
  },
  {
    ...{ name: /^php[\d.]*$/, code: 'rRBEaS', value: 'dctz', attached: '' },
    ...{ longCode: ['run', 'interactive', 'server', 'process-code'], longValue: ['define', 'php-ini'] },
  },
]

const ALL = (1n << 58n) - 1n

const letters = (text: string): bigint =>
  [...text].reduce((mask, letter) => mask | (1n << BigInt(letter.charCodeAt(0) - 65)), 0n)

/** As the eBPF program has it (`scan_byte`). */
export const optionHash = (name: string): number =>
  [...Buffer.from(name)].reduce((hash, byte) => (Math.imul(hash, 31) + byte) >>> 0, 0)

/**
 * What the kernel needs to find an interpreter's script. Of one that nothing is known of, any option means that there is none.
 * @param path of its file, links followed
 * @param scripts profiles there are of its scripts
 * @param most profiles there may be
 */
export function interpretedBytes(path: string, scripts: number, most: number): Buffer {
  const bytes = Buffer.alloc(Interpreted.bytes)
  const of = known.find(({ name }) => name.test(basename(path)))
  bytes.writeBigUInt64LE(of ? letters(of.code) : ALL, Interpreted.code)
  bytes.writeBigUInt64LE(of ? letters(of.value) : 0n, Interpreted.value)
  bytes.writeBigUInt64LE(of ? letters(of.attached) : 0n, Interpreted.attached)
  for (const [i, name] of (of?.longCode ?? []).slice(0, LONG_CODES).entries())
    bytes.writeUInt32LE(optionHash(name), Interpreted.longCode + 4 * i)
  for (const [i, name] of (of?.longValue ?? []).slice(0, LONG_VALUES).entries())
    bytes.writeUInt32LE(optionHash(name), Interpreted.longValue + 4 * i)
  bytes.writeUInt32LE(scripts, Interpreted.scripts)
  bytes.writeUInt32LE(most, Interpreted.most)
  return bytes
}
