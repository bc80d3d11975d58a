import { type OwnObservable, ownPorts, type ProbeConfig, probeSchema } from './config.ts'
import { CpuProbe } from './cpu.ts'
import { type DetectorFigures, DetectorProbe } from './detector.ts'
import { DiskProbe } from './disks.ts'
import { LoadProbe } from './load.ts'
import { LogProbe } from './logs.ts'
import { MemoryProbe } from './memory.ts'
import { MountProbe } from './mounts.ts'
import { CommandProbe, commandsAtOnce } from './own-command.ts'
import { GrowthProbe, NumberProbe } from './own-files.ts'
import { PacketProbe } from './packets.ts'
import { type PortTable, readPorts } from './ports.ts'
import { PressureProbe } from './pressure.ts'
import { ProcessProbe } from './processes.ts'
import { Sampler } from './sampler.ts'
import { Slots } from './slots.ts'
import { SocketProbe } from './sockets.ts'
import { TemperatureProbe } from './temperatures.ts'
import { hostPlaces, type Places, type Probe } from './types.ts'

export interface HostSamplerOptions {
  config?: ProbeConfig
  /** The detector's figures, asked at each sample; undefined while there is no detector. */
  figures?: () => DetectorFigures | undefined
  places?: Readonly<Places>
  /** The port table, if it has been read already: `readPorts`. */
  ports?: PortTable
  portsFile?: string
}

/**
 * The sampler of this host: every built-in source, the detector's figures, and what the operator configured.
 * @throws ProbeError the port table cannot be read, or has a port twice
 */
export function hostSampler(options: HostSamplerOptions = {}): Sampler {
  const {
    config = probeSchema.parse({}),
    figures = () => undefined,
    places = hostPlaces,
    portsFile,
    ports,
  } = options
  const limit = config.max_observables
  const own = config.observables.slice(0, limit)
  const sockets = new SocketProbe(places, ports ?? readPorts(ownPorts(own), portsFile))
  const slots = new Slots(commandsAtOnce)
  const probes: Probe[] = [
    new ProcessProbe(places),
    new MountProbe(places),
    new LoadProbe(places),
    new CpuProbe(places),
    new MemoryProbe(places),
    new TemperatureProbe(places),
    new DiskProbe(places),
    new LogProbe(places),
    sockets,
    // After the sockets: it takes their count of connections on their way up.
    new PacketProbe(places, () => sockets.connecting),
    new PressureProbe(places),
    new DetectorProbe(figures, config.binaries),
    ...own.flatMap((observable) => ownProbe(observable, slots)),
  ]
  return new Sampler(probes, { measured: own.length, configured: config.observables.length, limit })
}

/** The probe of one of the operator's observables; none for a port, which the sockets' probe counts. */
function ownProbe(own: OwnObservable, slots: Slots): Probe[] {
  if (own.growth !== undefined) return [new GrowthProbe(own)]
  if (own.number !== undefined) return [new NumberProbe(own)]
  if (own.command !== undefined) return [new CommandProbe(own, slots)]
  return []
}
