import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Webhooks } from '../../../src/daemon/agent/webhooks.ts'

async function listener(answer: (nth: number, request: IncomingMessage, response: ServerResponse) => void) {
  const bodies: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (part) => {
      body += part
    })
    request.on('end', () => {
      bodies.push(body)
      answer(bodies.length, request, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
  return { url, bodies, [Symbol.asyncDispose]: async () => void server.close() }
}

test('a webhook is posted as JSON, in the order handed in', async () => {
  const types: (string | undefined)[] = []
  await using hook = await listener((_, request, response) => {
    types.push(request.headers['content-type'])
    response.end()
  })
  const said: string[] = []
  const webhooks = new Webhooks([hook.url], (line) => said.push(line), [1, 1])
  webhooks.send(hook.url, { text: 'one' })
  webhooks.send(hook.url, { text: 'two' })
  await webhooks.idle()
  assert.deepEqual(hook.bodies, ['{"text":"one"}', '{"text":"two"}'])
  assert.deepEqual(types, ['application/json', 'application/json'])
  assert.deepEqual([webhooks.sent, webhooks.failed, said], [2, 0, []])
})

test('who fails is tried three times, then given up and said; the next still goes', async () => {
  await using hook = await listener((nth, _, response) => {
    response.statusCode = nth <= 3 ? 503 : 200
    response.end()
  })
  const said: string[] = []
  const webhooks = new Webhooks([hook.url], (line) => said.push(line), [1, 1])
  webhooks.send(hook.url, { text: 'lost' })
  webhooks.send(hook.url, { text: 'kept' })
  await webhooks.idle()
  assert.deepEqual([webhooks.sent, webhooks.failed, hook.bodies.length], [1, 1, 4])
  assert.deepEqual(said, [`webhook ${hook.url}: it answered 503; given up after 3 times`])
})

test('a redirect is not followed: only what the config names is sent to', async () => {
  await using elsewhere = await listener((_, __, response) => void response.end())
  await using hook = await listener((_, __, response) => {
    response.writeHead(307, { location: elsewhere.url }).end()
  })
  const webhooks = new Webhooks([hook.url], () => undefined, [])
  webhooks.send(hook.url, { text: 'x' })
  await webhooks.idle()
  assert.deepEqual([webhooks.sent, webhooks.failed, elsewhere.bodies.length], [0, 1, 0])
  assert.throws(
    () => webhooks.send(elsewhere.url, {}),
    /the config does not allow it: name it under agent.webhooks/,
  )
})

test('a hundred wait at most: the rest is refused at once', async () => {
  const release: (() => void)[] = []
  await using hook = await listener((_, __, response) => void release.push(() => response.end()))
  const webhooks = new Webhooks([hook.url], () => undefined, [])
  for (let n = 0; n < 100; n++) webhooks.send(hook.url, { n })
  assert.throws(() => webhooks.send(hook.url, {}), /100 webhooks wait already, which is the most/)
  const free = setInterval(() => release.shift()?.(), 1)
  await webhooks.idle()
  clearInterval(free)
  assert.equal(webhooks.sent, 100)
})
