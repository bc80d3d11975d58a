/** Hosts of a mesh in this process, over TCP on loopback or memory, with stores that survive a restart. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { initMesh, joinMesh, type MeshEvent, type OpenOptions } from '#mesh'
import type { KeyValue } from '#store'
import { memoryStore } from '../../src/mesh/memory-store.ts'
import type { MeshNode } from '../../src/mesh/node.ts'
import { openNode } from '../../src/mesh/open.ts'

export { sleep }

export type Way = 'tcp' | 'memory'

export interface Host {
  name: string
  folder: string
  store: KeyValue
  node: MeshNode
  events: MeshEvent[]
}

export interface Fleet {
  host(name: string): Host
  found(name: string, options?: Partial<OpenOptions>): Promise<Host>
  /** Invites on `by`, joins, opens. */
  join(name: string, by: Host, options?: Partial<OpenOptions>): Promise<Host>
  open(name: string, folder: string, store: KeyValue, options?: Partial<OpenOptions>): Promise<Host>
  folder(name: string): string
  end(): Promise<void>
}

const quick = {
  settle: 1200,
  dialTick: 50,
  backoffMin: 100,
  backoffRecent: 500,
  sweep: 50,
  acknowledge: 1000,
}
let serial = 0

export function fleet(way: Way): Fleet {
  const root = mkdtempSync(join(tmpdir(), 'lymph-mesh-'))
  const hosts = new Map<string, Host>()
  const listen = (name: string) =>
    way === 'tcp' ? ['/ip4/127.0.0.1/tcp/0'] : [`/memory/${name}-${process.pid}-${serial++}`]
  const self: Fleet = {
    host: (name) => hosts.get(name) as Host,
    folder: (name) => join(root, name),
    async open(name, folder, store, options = {}) {
      const node = await openNode({
        folder,
        listen: listen(name),
        keyValue: store,
        version: 'test',
        log: { info: () => undefined, warn: () => undefined },
        ...options,
        timing: { ...quick, ...options.timing },
      })
      const host: Host = { name, folder, store, node, events: [] }
      node.onEvent((event) => host.events.push(event))
      hosts.set(name, host)
      return host
    },
    async found(name, options) {
      await initMesh({ folder: self.folder(name), name, now: (options?.now ?? Date.now)() })
      return self.open(name, self.folder(name), memoryStore(), options)
    },
    async join(name, by, options) {
      const { token } = await by.node.invite({ name })
      const folder = self.folder(name)
      await joinMesh({ folder, token, name, now: (options?.now ?? Date.now)() })
      return self.open(name, folder, memoryStore(), options)
    },
    async end() {
      await Promise.all([...hosts.values()].map((host) => host.node.stop()))
      rmSync(root, { recursive: true })
    },
  }
  return self
}

/** Waits until `condition` holds; fails with `what` after `within` ms. Returns how long it took. */
export async function until(what: string, condition: () => boolean, within = 10_000): Promise<number> {
  const began = performance.now()
  while (!condition()) {
    if (performance.now() - began > within) throw new Error(`not within ${within} ms: ${what}`)
    await sleep(5)
  }
  return performance.now() - began
}

export const connected = (hosts: Host[], count = hosts.length - 1): Promise<number> =>
  until('everyone connected', () => hosts.every((host) => host.node.status().connected >= count))

export const keysOf = (host: Host): string[] =>
  host.node
    .records('semaphore')
    .map((record) => `${record.name}/${record.key}`)
    .sort()
