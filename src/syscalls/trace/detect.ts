import { ABIS, callNumber } from '../calls.ts'
import { TraceError } from '../errors.ts'
import { MAGIC } from './recorded.ts'
import { shown, type TraceFormat } from './sink.ts'
import { pidOf, readLine } from './strace-line.ts'

/** How much of a trace is looked at. */
export const HEAD_BYTES = 64 * 1024

/** Compressed or otherwise packed files, by their first bytes. */
const packed: [magic: number[], what: string][] = [
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], 'compressed with xz'],
  [[0x42, 0x5a, 0x68], 'compressed with bzip2'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'compressed with zstd'],
  [[0x50, 0x4b, 0x03, 0x04], 'a zip archive'],
  [[0x37, 0x7a, 0xbc, 0xaf], 'a 7z archive'],
  [[0x52, 0x61, 0x72, 0x21], 'a rar archive'],
]

const ADVICE = `lymph reads strace -f text, 'pid call' pairs, numbers, names, sysdig records and its own traces (--format)`

/**
 * The format of a trace by its beginning; undefined where there is nothing but blanks.
 * @param head the first bytes, HEAD_BYTES or all there are
 * @param before what the file before it was: decides where one line of two numbers could be either
 * @throws TraceError when it is no trace
 */
export function detectFormat(head: Uint8Array, before?: TraceFormat): TraceFormat | undefined {
  for (const [magic, what] of packed)
    if (magic.every((byte, i) => head[i] === byte))
      throw new TraceError(`it is ${what}: unpack it first (.gz, .tar.gz and folders are read as they are)`)
  const text = Buffer.from(head.buffer, head.byteOffset, head.byteLength)
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
  if (text.startsWith(MAGIC)) return 'lymph'
  if (/^lymph trace \d+\n/.test(text))
    throw new TraceError('line 1: a lymph trace of another version: convert it with the lymph that wrote it')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: bytes that no text has are what is looked for
  const odd = /[\x00-\x08\x0e-\x1f]/.exec(text)
  if (odd) throw new TraceError(`byte ${odd.index}: a binary file, no trace: ${ADVICE}`)
  const lines = text.split(/\r\n|[\r\n]/)
  // The last line may go on beyond the head.
  const whole = head.length >= HEAD_BYTES && lines.length > 1 ? lines.slice(0, -1) : lines
  const first = whole.find((line) => line.trim() !== '')
  if (first === undefined) return undefined
  if (/^\d+ \| \d+ \| \d+ \| [<>] \|/.test(first)) return 'sysdig'
  if (/^[\d\s]+$/.test(first)) return numbersOrPairs(whole.slice(0, 100), before)
  const { at } = pidOf(first)
  const said = readLine(first.slice(at))
  if (said.kind !== 'foreign' && !(said.kind === 'rest' && at === 0)) return 'strace'
  if (isNames(text, head.length >= HEAD_BYTES, before === 'names')) return 'names'
  throw new TraceError(`line ${lines.indexOf(first) + 1}: no trace begins with '${shown(first)}': ${ADVICE}`)
}

function numbersOrPairs(lines: string[], before: TraceFormat | undefined): TraceFormat {
  let ones = 0
  let pairs = 0
  let longer = 0
  for (const line of lines) {
    const count = line.trim() === '' ? 0 : line.trim().split(/\s+/).length
    if (count === 1) ones++
    else if (count === 2) pairs++
    else if (count > 2) longer++
  }
  // A pair that lost its call at the end is a pair cut short, not a number.
  if (pairs > ones && pairs > longer) return pairs === 1 && before === 'numbers' ? 'numbers' : 'pairs'
  return 'numbers'
}

/**
 * Words that could be calls, and half of them are calls of some ABI: prose has stops and other words.
 * @param expected names were found in the file before: foreign ones will do
 */
function isNames(text: string, cut: boolean, expected: boolean): boolean {
  const words = text.split(/\s+/).filter((word) => word !== '')
  if (cut) words.pop()
  if (!words.every((word) => /^[A-Za-z_][A-Za-z0-9_.]*$/.test(word))) return false
  if (expected) return true
  const some = words.slice(0, 256)
  const known = some.filter((word) => ABIS.some((abi) => callNumber(abi, word) !== undefined))
  return known.length * 2 >= some.length && known.length > 0
}
