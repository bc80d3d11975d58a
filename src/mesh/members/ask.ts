/** One question, one answer, between certified members: `/lymph/ask/<name>/1`. */
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import { because, MeshError } from '../errors.ts'
import { limits } from '../limits.ts'
import { connectionTo } from '../transport/host.ts'

export interface Asked {
  requestBytes: number
  answerBytes: number
  timeoutMs: number
  /** Questions of one peer at a time. */
  streams?: number
}

export interface AskBounds {
  answerBytes: number
  timeoutMs: number
}

/** Answers on `protocol`. A handler that throws costs the asker its stream; it is not told why. */
export async function serveOn(
  host: Libp2p,
  protocol: string,
  bounds: Asked,
  may: (peer: string) => boolean,
  handler: (request: Uint8Array, peer: string) => Promise<Uint8Array>,
): Promise<void> {
  const answer = async (stream: Stream, connection: Connection): Promise<void> => {
    const signal = AbortSignal.timeout(bounds.timeoutMs)
    const talk = lpStream(stream, { maxDataLength: bounds.requestBytes })
    try {
      const peer = connection.remotePeer.toString()
      if (!may(peer)) throw new Error('not a member')
      const reply = await handler((await talk.read({ signal })).subarray(), peer)
      if (reply.length > bounds.answerBytes) throw new Error('the answer is larger than was agreed')
      await talk.write(reply, { signal })
      await stream.close({ signal })
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error)))
    }
  }
  await host.handle(protocol, answer, {
    maxInboundStreams: bounds.streams ?? limits.askStreams,
    runOnLimitedConnection: true,
  })
}

/** Throws MeshError 'not-connected' or 'request-failed'. */
export async function askOn(
  host: Libp2p,
  protocol: string,
  peer: string,
  request: Uint8Array,
  bounds: AskBounds,
): Promise<Uint8Array> {
  const connection = connectionTo(host, peer)
  if (connection === undefined)
    throw new MeshError('not-connected', `${peer} is not connected; lymph mesh members shows who is`)
  const signal = AbortSignal.timeout(bounds.timeoutMs)
  let stream: Stream | undefined
  try {
    stream = await connection.newStream(protocol, { signal, runOnLimitedConnection: true })
    const talk = lpStream(stream, { maxDataLength: bounds.answerBytes })
    await talk.write(request, { signal })
    const reply = (await talk.read({ signal })).slice()
    await stream.close({ signal })
    return reply
  } catch (error) {
    stream?.abort(error instanceof Error ? error : new Error(String(error)))
    throw new MeshError('request-failed', `${peer} did not answer ${protocol}: ${because(error)}`, {
      cause: error,
    })
  }
}
