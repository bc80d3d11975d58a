/** The probes on this machine, beside what its own tools say: ps, df, nproc, and sockets and packets made on purpose. */
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { cpus } from 'node:os'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { hostSampler, probeSchema, type Sample } from '../../src/environment/probes/index.ts'

const run = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: 'utf8' })
const has = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
const root = process.getuid?.() === 0

/** Server and clients that stay connected until disposed of. */
async function connections(host: string, port: number, many: number) {
  const accepted: Socket[] = []
  const server = createServer((socket) => accepted.push(socket.on('error', () => {})))
  server.listen(port, host)
  await once(server, 'listening')
  const clients = Array.from({ length: many }, () => connect((server.address() as AddressInfo).port, host))
  await Promise.all(clients.map((client) => once(client, 'connect')))
  while (accepted.length < many) await sleep(5)
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = [...clients, ...accepted].map((socket) => once(socket, 'close'))
      for (const client of clients) client.end()
      for (const socket of accepted) socket.end().resume()
      await Promise.all(closed)
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Growth of a counted observable between two samples: rate times time. */
const counted = (sample: Sample, name: string) => sample.values.get(name)! * (sample.elapsedMs! / 1000)

describe('this machine', () => {
  it('has every built-in observable its files allow, twice, without a problem', async () => {
    const sampler = hostSampler()
    assert.deepEqual(sampler.sample().problems, [])
    await sleep(200)
    const { values, problems } = sampler.sample()
    assert.deepEqual(problems, [])
    const always = [
      'users',
      'rootprocs',
      'otherprocs',
      'diskfree',
      'loadavg',
      'cpu',
      'mem_total',
      'mem_free',
      'mem_cached',
    ]
    const counters = [
      'io_reads',
      'io_writtendata',
      'tcpsyn_in',
      'tcpfin_out',
      'udp_in',
      'icmp_out',
      'wwws_in',
      'ssh_out',
    ]
    for (const name of [...always, ...counters]) assert.ok(values.has(name), name)
    for (const { length } of [cpus()])
      for (let i = 0; i < length; i++) assert.ok(values.has(`cpu${i}`), `cpu${i}`)
  })

  it('starts no process', { skip: !has('strace') && 'no strace' }, () => {
    const script = `import { hostSampler } from ${JSON.stringify(new URL('../../src/environment/probes/index.ts', import.meta.url).href)}
      const sampler = hostSampler(); sampler.sample(); sampler.sample()`
    const traced = spawnSync(
      'strace',
      [
        '-f',
        '-e',
        'trace=execve,fork,vfork,clone,clone3',
        process.execPath,
        '--input-type=module',
        '-e',
        script,
      ],
      { encoding: 'utf8' },
    )
    assert.equal(traced.status, 0, traced.stderr.slice(-500))
    const started = traced.stderr
      .split('\n')
      .filter((line) => /\b(execve|v?fork|clone3?)\(/.test(line) && !/CLONE_THREAD/.test(line))
    assert.equal(started.length, 1, started.join('\n'))
  })

  it('counts processes and users as ps does', async () => {
    const sleepers = Array.from({ length: 20 }, () =>
      spawn('sleep', ['60'], { stdio: 'ignore', ...(root ? { uid: 4242, gid: 4242 } : {}) }),
    )
    try {
      await Promise.all(sleepers.map((sleeper) => once(sleeper, 'spawn')))
      // Others come and go: a reading between two equal answers of ps is compared.
      for (let attempt = 0; attempt < 40; attempt++) {
        const ps = () => {
          // ps counts itself.
          const euids = run('ps', '-e', '-o', 'euid=,comm=')
            .trim()
            .split('\n')
            .map((line) => line.trim().split(/ +/))
            .filter(([, name]) => name !== 'ps')
          const uids = euids.map(([euid]) => Number(euid))
          return {
            users: new Set(uids).size,
            rootprocs: uids.filter((uid) => uid === 0).length,
            otherprocs: uids.filter((uid) => uid !== 0).length,
          }
        }
        const before = ps()
        const { values } = hostSampler().sample()
        if (JSON.stringify(before) !== JSON.stringify(ps())) continue
        const { users, rootprocs, otherprocs, userprocs } = Object.fromEntries(values)
        assert.deepEqual({ users, rootprocs, otherprocs }, before)
        assert.equal(userprocs, otherprocs)
        assert.ok(otherprocs! >= (root ? 20 : 0))
        return
      }
      assert.fail('processes never stood still')
    } finally {
      for (const sleeper of sleepers) sleeper.kill('SIGKILL')
    }
  })

  it('says what df says of the space on /', () => {
    const [, used] = run('df', '--output=pcent', '/').trim().split('\n')
    const { values } = hostSampler().sample()
    // df rounds what is used up to a whole percent.
    const free = 100 - Number.parseInt(used!, 10)
    assert.ok(Math.abs(values.get('diskfree')! - free) <= 1.5, `${values.get('diskfree')} and ${free}`)
  })

  it('says what the kernel says of memory, swap and load', () => {
    const { values } = hostSampler().sample()
    const total = Number(/MemTotal: +(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1])
    assert.equal(values.get('mem_total'), total / 1024)
    assert.ok(values.get('mem_free')! > 0 && values.get('mem_free')! < values.get('mem_total')!)
    assert.ok(values.get('mem_freeswap')! <= values.get('mem_swap')!)
  })

  it('sees a busy CPU', async () => {
    const sampler = hostSampler()
    sampler.sample()
    for (const end = performance.now() + 600; performance.now() < end; );
    const { values } = sampler.sample()
    const each = Array.from({ length: cpus().length }, (_, i) => values.get(`cpu${i}`)!)
    assert.ok(Math.max(...each) > 50, each.join())
    const mean = each.reduce((a, b) => a + b) / each.length
    assert.ok(Math.abs(values.get('cpu')! - mean) < 10, `${values.get('cpu')} and ${mean}`)
  })

  for (const host of ['127.0.0.1', '::1'])
    it(`sees 200 sockets to a local port over ${host} at the next sample, and who they come from`, async () => {
      await using probe = await connections(host, 0, 1)
      const config = probeSchema.parse({ observables: [{ name: 'far', port: probe.port }] })
      const sampler = hostSampler({ config })
      assert.equal(sampler.sample().values.get('far_in'), 2)
      const clients = Array.from({ length: 199 }, () => connect(probe.port, host))
      try {
        await Promise.all(clients.map((client) => once(client, 'connect')))
        const { values, sockets } = sampler.sample()
        assert.equal(values.get('far_in'), 201, 'and the listener')
        assert.equal(values.get('far_out'), 200)
        assert.equal(sockets.remotes.get('far_in')?.size, 1)
        assert.ok(sockets.listeners.some(({ port, address }) => port === probe.port && address === host))
      } finally {
        const closed = clients.map((client) => once(client, 'close'))
        for (const client of clients) client.destroy()
        await Promise.all(closed)
      }
    })

  it('counts HTTPS on 443', { skip: !root && 'only root listens on 443' }, async (test) => {
    const sampler = hostSampler()
    const before = sampler.sample().values
    try {
      await using _https = await connections('127.0.0.1', 443, 3)
      const { values } = sampler.sample()
      assert.equal(values.get('wwws_in')! - before.get('wwws_in')!, 4)
      assert.equal(values.get('wwws_out')! - before.get('wwws_out')!, 3)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') test.skip('port 443 is taken')
      else throw error
    }
  })

  it('counts connections begun, taken and ended with a FIN', async () => {
    const sampler = hostSampler()
    sampler.sample()
    {
      await using _made = await connections('127.0.0.1', 0, 300)
      const open = sampler.sample()
      assert.ok(counted(open, 'tcpsyn_out') >= 300, `${counted(open, 'tcpsyn_out')}`)
      assert.ok(counted(open, 'tcpsyn_in') >= 300, `${counted(open, 'tcpsyn_in')}`)
      assert.ok(counted(open, 'tcpfin_out') < 300, 'none of ours has ended')
    }
    await sleep(100)
    const closed = sampler.sample()
    // Both ends of each are on this host, and each sends a FIN.
    assert.ok(counted(closed, 'tcpfin_out') >= 590, `${counted(closed, 'tcpfin_out')}`)
    assert.ok(closed.values.get('tcpack_in')! > 0)
  })

  it('counts datagrams of UDP, over IPv4 and IPv6, and the ICMP they provoke', async () => {
    const sampler = hostSampler()
    sampler.sample()
    for (const [type, host] of [
      ['udp4', '127.0.0.1'],
      ['udp6', '::1'],
    ] as const) {
      const receiver = createSocket(type)
      receiver.bind(0, host)
      await once(receiver, 'listening')
      const sender = createSocket(type)
      const { port } = receiver.address()
      const send = (to: number) => new Promise((resolve) => sender.send('x', to, host, resolve))
      // The kernel counts a datagram when a program takes it.
      let taken = 0
      receiver.on('message', () => taken++)
      for (let i = 0; i < 100; i++) await send(port)
      while (taken < 100) await sleep(5)
      receiver.close()
      await once(receiver, 'close')
      // Nobody is there any more: the kernel answers that the port cannot be reached.
      for (let i = 0; i < 5; i++) await send(port)
      sender.close()
    }
    const sample = sampler.sample()
    assert.ok(counted(sample, 'udp_in') >= 209, `${counted(sample, 'udp_in')}`)
    assert.ok(counted(sample, 'udp_out') >= 209, `${counted(sample, 'udp_out')}`)
    assert.ok(counted(sample, 'icmp_out') >= 2, `${counted(sample, 'icmp_out')}`)
  })
})
