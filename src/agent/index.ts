export {
  type AgentOptions,
  agentFolder,
  agentRun,
  hostFacts,
  loadPolicy,
  type RunOptions,
  undoAct,
} from './agent.ts'
export { type Imported, importCfengine } from './cfengine/convert.ts'
export * from './errors.ts'
export * from './evidence/index.ts'
export { neverList } from './host/never.ts'
export * from './integrity/index.ts'
export { leasesFolder } from './leases/file.ts'
export type { GateKind } from './leases/gate-file.ts'
export { type ExecGateFinding, inspectExecGate } from './leases/inspect.ts'
export { LeaseKeeper } from './leases/keeper.ts'
export { RunLeases } from './leases/port.ts'
export { policySchema } from './policy/policy-shape.ts'
export { readPolicy } from './policy/read.ts'
export type * from './policy/types.ts'
export type * from './promises/interface.ts'
export type * from './promises/offenders.ts'
export { promiseTypes } from './promises/registry.ts'
export type * from './promises/world.ts'
export { Ledger, type LedgerEntry } from './run/ledger.ts'
export { PromiseLocks } from './run/locks.ts'
export type { PromiseReport, RunReport, StepReport } from './run/run.ts'
