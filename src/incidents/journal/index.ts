export * from './chain.ts'
export * from './files.ts'
export * from './record.ts'
export * from './writer.ts'
