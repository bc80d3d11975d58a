export { type Config, defaultConfigFile, readConfig } from './config.ts'
export { DaemonError, exitOf, oneLine } from './errors.ts'
export { namedSettings, parseSeconds, parseSetting, variables } from './settings.ts'
export { claimState, daemonUser, defaultState, prepareState, stateNames } from './state-folder.ts'
