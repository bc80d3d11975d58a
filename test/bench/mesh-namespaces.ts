/** `npm run bench -- mesh-namespaces [SECONDS]`: three hosts in network namespaces, one cable pulled for 60 s (or so many). Needs root. */
import { cutCable } from '../system/mesh-cut.ts'
import { noNamespaces } from '../system/namespaces.ts'

const reason = noNamespaces()
if (reason !== undefined) {
  console.error(`${reason}: run this as root`)
  process.exit(2)
}
const cut = await cutCable(Number(process.argv[2] ?? 60))
console.log(JSON.stringify({ bench: 'mesh-namespaces', node: process.versions.node, ...cut }))
process.exit(0)
