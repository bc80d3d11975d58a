export * from './late.ts'
export * from './report.ts'
export * from './score.ts'
export { Strangeness } from './strangeness.ts'
