/** The mesh's front door. */
export { MeshError, type MeshErrorCode } from './errors.ts'
export { hasMesh, type Identity, putAside, readIdentity } from './identity.ts'
export { type Founded, type InitOptions, initMesh } from './init.ts'
export * from './interface.ts'
export { type Joined, type JoinOptions, joinMesh } from './join.ts'
export { openMesh } from './open.ts'
export type { MeshLog, OpenOptions } from './options.ts'
