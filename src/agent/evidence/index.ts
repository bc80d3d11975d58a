/** Evidence of a process, collected with what is installed (docs/reference/evidence.md). */
export * from './collect.ts'
export * from './manifest.ts'
export { type EvidenceTool, evidenceTools, installed } from './tools.ts'
