/** The mesh's front door. */

export { type Founded, type InitOptions, initMesh } from './admission/init.ts'
export { type Joined, type JoinOptions, joinMesh } from './admission/join.ts'
export { MeshError, type MeshErrorCode } from './errors.ts'
export { hasMesh, type Identity, putAside, readIdentity } from './identity/identity.ts'
export * from './interface.ts'
export { fullMesh } from './limits.ts'
export { openMesh } from './open.ts'
export type { MeshLog, OpenOptions } from './options.ts'
