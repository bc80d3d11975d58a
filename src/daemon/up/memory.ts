/**
 * How Node.js runs the daemon. V8's young generation grows with how fast objects are made, up to more than 100 MB when a
 * large fleet's records come at once, and does not shrink soon: the daemon lives for months beside a host's own work, so
 * it is held to 3 x 4 MB. It collects young objects more often for that.
 */
export const daemonNodeFlags = ['--max-semi-space-size=4'] as const
