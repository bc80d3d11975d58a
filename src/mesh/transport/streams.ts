/** CBOR messages over a libp2p stream, each with a length before it, a shape and a bound. */
import type { Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import type { z } from 'zod'
import { decode, encode } from '../records/codec.ts'

export interface Conversation {
  /** Throws where the other side is silent until `signal`, says too much or something else. */
  read<T>(shape: z.ZodType<T>): Promise<T>
  write(value: unknown): Promise<void>
}

/** To be called before anything is awaited in a handler, or what arrives meanwhile is lost. */
export function converse(stream: Stream, maxDataLength: number, signal: AbortSignal): Conversation {
  const messages = lpStream(stream, { maxDataLength, maxBufferSize: maxDataLength + 16 })
  return {
    read: async (shape) => shape.parse(decode((await messages.read({ signal })).subarray())),
    write: (value) => messages.write(encode(value), { signal }),
  }
}
