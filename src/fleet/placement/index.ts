export * from './inventory.ts'
export * from './placement.ts'
