/** cf-monitord's names for services in entropy classes, where they are not the observable's. */
const entropyNames: Readonly<Record<string, string>> = { postgres: 'postgresql', tcpmisc: 'misc' }

/**
 * How cf-monitord spells a class, where it differs: `www_in_high_anomalous` is `www_in_high_anomaly`,
 * `entropy_postgres_in_low` is `entropy_postgresql_in_low`. Undefined where it does not, or has no such class (`_dev3`).
 */
export function monitordName(name: string): string | undefined {
  if (name.endsWith('_anomalous')) return `${name.slice(0, -'ous'.length)}y`
  const [, service, rest] = /^entropy_([a-z0-9_]+)_((?:in|out)_(?:low|medium|high))$/.exec(name) ?? []
  const other = service === undefined ? undefined : entropyNames[service]
  return other && `entropy_${other}_${rest}`
}
