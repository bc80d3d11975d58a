/** A named fact with a lifetime. Times in ms since the epoch; `until` 0: stands until it is taken away. */
export interface Class {
  name: string
  /** Which room says so: `homeostasis`, `incidents`, `mesh`, `time`, `host`. */
  source: string
  since: number
  until: number
}
