/** Files against a baseline (docs/reference/integrity.md). */
export { type BaselineInfo, openBaseline, placesOf } from './baseline.ts'
export * from './check.ts'
export { shownPath } from './entry.ts'
export type { Finding } from './findings.ts'
export { type PackagePlaces, PackageRecords } from './packages.ts'
