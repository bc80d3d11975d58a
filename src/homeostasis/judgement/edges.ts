/** A program that started another, as the kernel or the trace names them. */
export interface ExecEdge {
  parent: string
  started: string
}

/** Edges of one profile at most; git has about 150 subcommands. */
export const EDGES_LIMIT = 1024
/** Bytes of a path, as Linux has it. */
export const PATH_LIMIT = 4096

const keyOf = ({ parent, started }: ExecEdge) => `${parent}\0${started}`

/** Which programs a profile's programs start. At the cap nothing is added: what is beyond it stays new. */
export class EdgeSet {
  readonly #edges = new Map<string, ExecEdge>()
  #refused = 0

  get size(): number {
    return this.#edges.size
  }

  /** Edges that found no room. */
  get refused(): number {
    return this.#refused
  }

  has(edge: ExecEdge): boolean {
    return this.#edges.has(keyOf(edge))
  }

  add(edge: ExecEdge): void {
    if (this.has(edge)) return
    if (
      this.#edges.size >= EDGES_LIMIT ||
      edge.parent.length > PATH_LIMIT ||
      edge.started.length > PATH_LIMIT
    )
      this.#refused++
    else this.#edges.set(keyOf(edge), { parent: edge.parent, started: edge.started })
  }

  /** In ascending order. */
  list(): ExecEdge[] {
    return [...this.#edges.keys()].sort().map((key) => this.#edges.get(key)!)
  }
}
