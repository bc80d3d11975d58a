/** Reads text as a trace, and says what it says in short lines. */
import { type Abi, CallNames, readTrace, type TraceFormat, type TraceSink } from '#syscalls'

/** `chunk`: how many bytes come at a time. */
export async function tell(
  text: string | Uint8Array,
  options: { format?: TraceFormat; abi?: Abi; chunk?: number; before?: TraceFormat } = {},
): Promise<{ format: TraceFormat | undefined; told: string[]; names: CallNames }> {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'latin1') : text
  const names = new CallNames(options.abi ?? 'x86-64')
  const told: string[] = []
  const sink: TraceSink = {
    call: (task, call) => told.push(`${task} ${names.nameOf(call)}`),
    exec: (task, binary) => told.push(`${task} runs ${binary}`),
    fork: (task, parent) => told.push(`${task} of ${parent}`),
    exit: (task) => told.push(`${task} ends`),
    foreign: (task, abi) => told.push(`${task} foreign ${abi}`),
  }
  async function* chunks() {
    const size = options.chunk ?? Math.max(1, bytes.length)
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
  }
  const format = await readTrace({ name: 'x', file: 'x', chunks: chunks() }, names, sink, options)
  return { format, told, names }
}
