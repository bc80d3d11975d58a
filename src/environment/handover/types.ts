/** One observable as it is handed over; expected and deviation are left out while the model does not know them. */
export interface HandedObservable {
  name: string
  value: number
  expected?: number | undefined
  deviation?: number | undefined
}

/** What a CFEngine agent is told. Names may be anything: the writers make them harmless. */
export interface HandOver {
  /** ms since the epoch; becomes `$(mon.lymph_time)`, in seconds. */
  at: number
  /** Classes that hold now. */
  classes: readonly string[]
  /** Classes of ours that held and no longer do: `-class` of the module protocol; env_data has no word for it. */
  withdrawn?: readonly string[]
  observables: readonly HandedObservable[]
  /** `listening_ports` -> ['22', '443'] */
  lists: Readonly<Record<string, readonly string[]>>
  /** `tcp4_port_addr` -> {22: '0.0.0.0'} */
  arrays?: Readonly<Record<string, Readonly<Record<string, string>>>>
}

export interface WriterOptions {
  /** Beside each class its name in cf-monitord, where that differs. */
  monitordNames?: boolean
  /** Bundle the module protocol's variables appear in; `mon` puts them where env_data's are. */
  context?: string
}

export interface Written {
  text: string
  /** One line for each thing that could not be said in this format. */
  dropped: string[]
}
