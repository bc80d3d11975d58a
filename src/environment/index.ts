export { EnvironmentError, type EnvironmentErrorCode } from './errors.ts'
export {
  envData,
  type HandOver,
  HandOverError,
  listening,
  moduleProtocol,
  removeHandOver,
  writeHandOver,
} from './handover/index.ts'
export { DAY_NAMES, SlotClock, slotName } from './model/clock.ts'
export { decodeMinute, decodeModel, encodeMinute, encodeModel } from './model/codec.ts'
export { DAY_SLOTS, SLOT_MS, THRESHOLD, VALUE_MOST, WEEK_SLOTS } from './model/constants.ts'
export { type FigureRow, weekFigure } from './model/figure.ts'
export { AnomalyGroup, type Deviation, type Grouped, type GroupState } from './model/group.ts'
export {
  type HostReport,
  HostWatch,
  type HostWatchSettings,
  type HostWatchState,
  hostWatchDefaults,
} from './model/host.ts'
export { type Leap, LeapDetector, type LeapState } from './model/leap.ts'
export { GLANCE_SURPRISE, type Glance, RunningMinute } from './model/minute.ts'
export { ObservableModel } from './model/observable.ts'
export { weekCsv, weekSvg } from './model/svg.ts'
export {
  className,
  classNames,
  type Direction,
  howSure,
  type Judged,
  type Level,
  type Precedent,
  type Sure,
  type Surprises,
  sigmaOf,
  type Verdict,
} from './model/verdict.ts'
export {
  binaryObservable,
  type DetectorFigures,
  hostSampler,
  kindOf,
  observables,
  ownPorts,
  type PortTable,
  type ProbeConfig,
  ProbeError,
  probeShape,
  readPorts,
} from './probes/index.ts'
export { csvHead, csvRow, REPLAY_THRESHOLD, type ReplayOptions, type ReplayRow, replay } from './replay.ts'
export { Environment, type EnvironmentOptions } from './watch/environment.ts'
export { isOdd, type ObservableRow } from './watch/row.ts'
export { type ClassPort, PERSISTENCE_MS } from './watch/spoken.ts'
