export { type Finding, inspectKernel } from './inspect.ts'
export { DEFAULT_SIZES, type Sizes } from './program.ts'
export { KernelSensor, type KernelSensorOptions } from './sensor.ts'
