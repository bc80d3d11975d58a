/** Which classes there can be: those of time, of the host, of the detectors, of the mesh, and those a policy makes. */
import { isTimeClass, nearest, timeClassNames } from '#classes'

const detectors = [
  'ph_sequence_anomaly',
  'ph_judgement_anomaly',
  'ph_load_anomaly',
  'ph_new_child',
  'ph_familiar',
  'ph_unfamiliar',
  'ph_asking',
  'binary_changed',
  'checksum_alerts',
  'mesh_ph_sequence_anomaly',
  'mesh_ph_sequence_anomaly_here',
  'mesh_ph_sequence_anomaly_quorum',
]

/** Observables' classes (docs/reference/environment.md), and what the mesh says of kinds this version does not know. */
const patterns = [
  /^[A-Za-z0-9_]+_(normal|high|low)(_(dev[123]|ldt|anomalous))?$/,
  /^[A-Za-z0-9_]+_flat$/,
  /^entropy_[A-Za-z0-9_]+_(in|out)_(low|medium|high)$/,
  /^mesh_[A-Za-z0-9_]+$/,
]

/** Hard classes of other hosts than this one: a policy is written for many. */
const systems =
  /^(any|linux|x86_64|aarch64|riscv64|i[3-6]86|linux_(x86_64|aarch64|riscv64|i[3-6]86)|(debian|ubuntu|fedora|rhel|centos|rocky|almalinux|ol|opensuse|suse|sles|arch|alpine|gentoo|amzn|raspbian|nixos)(_\w+)?)$/

export class Vocabulary {
  readonly #names: Set<string>

  /** @param names the host's own classes, those that hold now, and those the policy makes or declares */
  constructor(names: Iterable<string>) {
    this.#names = new Set(names)
  }

  knows(name: string): boolean {
    return (
      this.#names.has(name) ||
      detectors.includes(name) ||
      isTimeClass(name) ||
      systems.test(name) ||
      patterns.some((pattern) => pattern.test(name))
    )
  }

  /** `unknown class Monady, did you mean Monday?` */
  complaint(name: string): string {
    const near = nearest(name, [...this.#names, ...detectors, ...timeClassNames])
    return near.length > 0
      ? `unknown class ${name}, did you mean ${near.join(' or ')}?`
      : `unknown class ${name}: define it under classes, or name it under declare if something else sets it`
  }
}
