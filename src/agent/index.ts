export * from './errors.ts'
export type * from './promises/interface.ts'
export type * from './promises/world.ts'
