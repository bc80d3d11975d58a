export * from './interface.ts'
export * from './software/index.ts'
