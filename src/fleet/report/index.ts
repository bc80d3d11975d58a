export { Stability, type StabilityHour } from './stability.ts'
export { type Bar, barsSvg, matrixSvg, reportHtml, stabilitySvg, weekSvg } from './svg.ts'
export { type ProgramUse, programUse } from './use.ts'
