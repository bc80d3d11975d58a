export * from './adopt.ts'
export * from './donors.ts'
export * from './record.ts'
