/** A member in a process of its own, to be killed: `node mesh-member.ts FOLDER`. Renews its certificate when told 'renew'. */
import { join } from 'node:path'
import { openMesh } from '#mesh'
import { openStore } from '#store'

const folder = process.argv[2] as string
const options = { now: Date.now, log: () => undefined, mirror: join(folder, 'mirror') }
const store = await openStore(join(folder, 'store'), options)
const mesh = await openMesh({
  folder: join(folder, 'mesh'),
  listen: ['/ip4/127.0.0.1/tcp/0'],
  keyValue: store.keyValue('mesh'),
  version: 'killed',
  log: { info: () => undefined, warn: () => undefined },
})
process.on('message', async (what) => {
  if (what === 'renew') await mesh.operator.renew().catch(() => undefined)
  if (what === 'status') process.send?.({ connected: mesh.status().connected, keys: mesh.operator.keys() })
})
process.send?.('open')
