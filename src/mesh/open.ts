/** Opens a mesh: identity from its files, state from the store, a host made and started. */
import { z } from 'zod'
import type { KeyValue } from '#store'
import { Gate } from './admission/gate.ts'
import { Manners } from './admission/manners.ts'
import { because, MeshError } from './errors.ts'
import { type Identity, readIdentity } from './identity/identity.ts'
import { openers } from './identity/ring.ts'
import type { Mesh } from './interface.ts'
import { timing as usual } from './limits.ts'
import { Directory } from './members/directory.ts'
import { MeshNode } from './node.ts'
import type { OpenOptions } from './options.ts'
import { decode, encode } from './records/codec.ts'
import { Writes } from './records/writes.ts'
import { checkAddresses, createMeshHost, dial, onMemory } from './transport/host.ts'
import { Relay } from './transport/relay.ts'

/** A store that fails is spoken of once in this many ms. */
const sayAgain = 600_000

/** Throws MeshError: 'no-mesh', 'damaged', 'bad-address', 'port-in-use', 'bad-certificate'. */
export const openMesh = (options: OpenOptions): Promise<Mesh> => openNode(options)

/** The same, with what is inside: for this room's own joining, tests and simulations. */
export async function openNode(options: OpenOptions): Promise<MeshNode> {
  const { keyValue: store, folder, listen } = options
  checkAddresses([...listen, ...(options.enrolListen ?? [])])
  const identity = readIdentity(folder)
  const now = options.now ?? Date.now
  const timing = { ...usual, ...options.timing }
  const deny = options.deny ?? (() => false)
  await claim(store, identity)
  const epoch = await nextEpoch(store, now())

  let told = Number.NEGATIVE_INFINITY
  const writes = new Writes(store, (error) => {
    if (now() - told < sayAgain) return
    told = now()
    options.log.warn(
      `the mesh cannot keep its records: ${because(error)}; free space, it goes on trying and loses nothing while it runs`,
    )
  })
  const counters = new Map<string, number>()
  const parts: { node?: MeshNode } = {}
  const directory = new Directory({
    root: identity.root,
    revoked: (peer, serial) => identity.admin.revoked(peer, serial),
    silentAfter: timing.silent,
    dropped: (peer) => parts.node?.ledger.dropped(peer),
  })
  await loadDirectory(directory, identity, store, now(), counters)

  const count = (reason: string) => void counters.set(reason, (counters.get(reason) ?? 0) + 1)
  const manners = new Manners()
  const gate = new Gate({
    now,
    denied: (peer) => {
      const serial = directory.get(peer)?.certificate.serial ?? ''
      return deny(peer) || manners.banned(peer, now()) || identity.admin.revoked(peer, serial)
    },
    recovers: (id) => identity.admin.rules(now()).recover.includes(id),
    count,
  })
  const { relay: wanted } = options
  const relay =
    wanted === undefined
      ? undefined
      : new Relay({
          now,
          admitted: (peer) => parts.node?.admission.admitted(peer) === true,
          denied: gate.denied,
          serves: () => parts.node?.reach?.serves === true,
          count,
          lost: () => parts.node?.reach?.settle(),
        })
  // Loaded only where it is wanted: nothing of it runs otherwise.
  const mdns = options.mdns === true ? await import('./transport/nearby.ts') : undefined
  const nearby =
    mdns === undefined
      ? undefined
      : new mdns.Nearby({
          meshId: identity.meshId,
          now,
          known: (peer) =>
            peer === identity.peer || gate.denied(peer) || parts.node?.admission.admitted(peer) !== false,
          dial: (peer, addresses) => {
            const dialled = dial(host, peer, addresses, timing.dial)
            dialled.catch((error) =>
              options.log.info(`found on this network, and not reached: ${peer}: ${because(error)}`),
            )
          },
        })
  const host = await createMeshHost(
    {
      key: identity.node,
      meshId: identity.meshId,
      listen,
      memory:
        options.transport === undefined ? usesMemory(options, identity) : options.transport === 'memory',
      ring: () => openers(identity.ring, identity.admin.rules(now())),
      opened: (connection, keyId) => gate.opened(connection, keyId),
      gater: { ...gate.gater, ...relay?.gater },
      relay,
      nearby,
    },
    { score: (peer) => (parts.node?.admission.admitted(peer) === true ? 0 : -60), seen: timing.seen },
  )
  const common = { options, identity, host, directory, writes, counters, epoch, gate, manners }
  const node = new MeshNode({ ...common, relay, nearby })
  parts.node = node
  await node.start()
  return node
}

function usesMemory(options: OpenOptions, identity: Identity): boolean {
  return onMemory(options.listen.length > 0 ? options.listen : (identity.seed[0]?.addresses ?? []))
}

/** The store must be this host's in this mesh: what another mesh left in it is not believed, and goes. */
async function claim(store: KeyValue, identity: Identity): Promise<void> {
  const owner = encode([identity.id, identity.peer])
  const before = await store.get('owner')
  if (before !== undefined && Buffer.compare(before, owner) === 0) return
  const stale: string[] = []
  for await (const [key] of store.list()) stale.push(key)
  await store.batch(
    [...stale.map((key) => ({ type: 'del' as const, key })), { type: 'put', key: 'owner', value: owner }],
    { sync: true },
  )
}

/** One more than the last boot's; the clock's milliseconds where the store is new, so that a lost store does not repeat one. */
async function nextEpoch(store: KeyValue, now: number): Promise<number> {
  const kept = await store.get('epoch')
  const epoch = kept === undefined ? Math.round(now) : z.int().parse(decode(kept)) + 1
  await store.batch([{ type: 'put', key: 'epoch', value: encode(epoch) }], { sync: true })
  return epoch
}

async function loadDirectory(
  directory: Directory,
  identity: Identity,
  store: KeyValue,
  now: number,
  counters: Map<string, number>,
): Promise<void> {
  for await (const [key, value] of store.list({ prefix: 'member/' }))
    try {
      directory.load(value, now)
    } catch {
      counters.set('kept-damaged', (counters.get('kept-damaged') ?? 0) + 1)
      await store.del(key)
    }
  for (const member of identity.seed)
    try {
      directory.learn(member, now)
    } catch (error) {
      throw new MeshError(
        'damaged',
        `${identity.folder}: the list of members does not hold: ${because(error)}`,
      )
    }
}
