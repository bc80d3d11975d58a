/** Parsers of traces on hostile bytes: they end, and throw nothing but TraceError, in whatever pieces they read. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import {
  CallNames,
  parserOf,
  readTrace,
  TRACE_FORMATS,
  TraceError,
  type TraceFormat,
  type TraceSink,
} from '#syscalls'

/** Pieces of all formats, so that random text is often nearly right. */
const piece = fc.oneof(
  fc.constantFrom(
    '12 ',
    '7 3\n',
    '\r',
    '\n',
    'read(3, "x", 1) = 1\n',
    '[pid 7] ',
    'clone(child_stack=NULL <unfinished ...>\n',
    'vfork(strace: Process 9 attached\n',
    '<... clone resumed>) = 9\n',
    'execve("/bin/\\377", ["x"]) = 0\n',
    '+++ exited with 0 +++\n',
    '+++ superseded by execve in pid 7 +++\n',
    '--- SIGCHLD {} ---\n',
    '[ Process PID=7 runs in 32 bit mode. ]\n',
    ', x) = 4\n',
    'openat ',
    '5 | 0 | 7 | > | read | | 3\n',
    'lymph trace 1\n{"abi":"x86-64"}\n',
    '\x00',
    '\xff\x7f',
  ),
  fc.string({ unit: 'binary', maxLength: 6 }),
)
const text = fc.array(piece, { maxLength: 60 }).map((pieces) => Buffer.from(pieces.join(''), 'latin1'))

function told(format: TraceFormat, bytes: Uint8Array, chunk: number): string {
  const lines: string[] = []
  const sink: TraceSink = {
    call: (task, call) => lines.push(`${task} ${call}`),
    exec: (task, binary) => lines.push(`${task} runs ${binary}`),
    fork: (task, parent) => lines.push(`${task} of ${parent}`),
    exit: (task) => lines.push(`${task} ends`),
  }
  try {
    const parser = parserOf(format, new CallNames('x86-64'), sink)
    for (let at = 0; at < bytes.length; at += chunk) parser.push(bytes.subarray(at, at + chunk))
    parser.end()
  } catch (error) {
    assert.ok(error instanceof TraceError, String((error as Error).stack))
    assert.ok(!/[\n\r]/.test(error.message))
    lines.push('refused')
  }
  return lines.join('\n')
}

test('every parser, on anything', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...TRACE_FORMATS),
      text,
      fc.integer({ min: 1, max: 40 }),
      (format, bytes, chunk) => {
        const whole = told(format, bytes, 1 << 20)
        const pieces = told(format, bytes, chunk)
        // Where a call is refused may differ in what was told before; where none is, nothing may.
        if (!whole.endsWith('refused') || !pieces.endsWith('refused')) assert.equal(pieces, whole)
      },
    ),
    { numRuns: 3000 },
  )
})

test('detection and unpacking, on anything', async () => {
  const sink: TraceSink = { call() {}, exec() {}, fork() {}, exit() {} }
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        text,
        fc.uint8Array({ maxLength: 200 }),
        text.map((bytes) => gzipSync(bytes)),
      ),
      async (bytes) => {
        const chunks = (async function* () {
          yield bytes
        })()
        try {
          await readTrace({ name: 'f', file: 'f', chunks }, new CallNames('i386'), sink)
        } catch (error) {
          assert.ok(error instanceof TraceError, String((error as Error).stack))
          assert.match(error.message, /^f: /)
        }
      },
    ),
    { numRuns: 1000 },
  )
})
