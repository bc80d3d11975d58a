/** This host's own digests, signed, for whoever asks; and which parts of its inventory are to be told. Pure. */
import { encodePart, ID_BYTES, type InventoryRow, partsOf, ROW_BYTES } from './rows.ts'

export interface TellSettings {
  /** A part in which a program is new, gone, or of another state is told again at once: so often, one more after each such time in ms. */
  burst: number
  betweenMs: number
  /** One in which digests were made anew, and no more, after this. */
  remadeMs: number
  /** How long a part stands on the mesh; told again when half of it has gone. */
  ttlMs: number
}

/**
 * Six hours behind loses nothing: a pair younger than 24 h does not count as known, in whatever digest it is.
 */
export const tellDefaults: TellSettings = {
  burst: 6,
  betweenMs: 10 * 60_000,
  remadeMs: 6 * 3_600_000,
  ttlMs: 24 * 3_600_000,
}

interface Told {
  at: number
  /** Programs and states; and with them when their digests were made. */
  substance: string
  whole: string
}

export class Shelf {
  readonly settings: TellSettings
  readonly #digests = new Map<string, { row: InventoryRow; envelope: Uint8Array }>()
  readonly #told = new Map<number, Told>()

  #tokens: number
  #filled: number | undefined

  constructor(settings: Partial<TellSettings> = {}) {
    this.settings = { ...tellDefaults, ...settings }
    this.#tokens = this.settings.burst
  }

  /** @param key the digest's (`digestKey`) */
  put(key: string, row: InventoryRow, envelope: Uint8Array): void {
    this.#digests.set(key, { row, envelope })
  }

  delete(key: string): void {
    this.#digests.delete(key)
  }

  /** By the ids of their rows; what is not here is left out. */
  find(ids: readonly string[]): Uint8Array[] {
    const wanted = new Set(ids)
    const found: Uint8Array[] = []
    for (const { row, envelope } of this.#digests.values())
      if (wanted.has(row.id) && found.length < ids.length) found.push(envelope)
    return found
  }

  /** Parts to publish now, with the body of each, and those to take back. */
  due(now: number): { publish: { part: number; body: unknown }[]; clear: number[] } {
    const { burst, betweenMs } = this.settings
    this.#tokens = Math.min(burst, this.#tokens + Math.max(0, now - (this.#filled ?? now)) / betweenMs)
    this.#filled = now
    const rows = new Map<string, InventoryRow>()
    for (const { row } of this.#digests.values())
      if ((rows.get(row.id)?.made ?? -1) < row.made) rows.set(row.id, row)
    const parts = partsOf([...rows.values()])
    const publish: { part: number; body: unknown }[] = []
    for (const [part, of] of parts.entries())
      if ((of.length > 0 || this.#told.has(part)) && this.#isDue(part, of, now))
        publish.push({ part, body: encodePart(of) })
    return { publish, clear: [...this.#told.keys()].filter((part) => part >= parts.length) }
  }

  /** It was published. Only this counts as told: what failed is due still. */
  published(part: number, body: unknown, now: number): void {
    const { r } = body as ReturnType<typeof encodePart>
    if (this.#told.has(part)) this.#tokens = Math.max(0, this.#tokens - 1)
    this.#told.set(part, { at: now, ...printsOf(r) })
  }

  /** Of before a restart: what it says is not known. */
  stands(part: number, at: number): void {
    if (!this.#told.has(part)) this.#told.set(part, { at, substance: '?', whole: '?' })
  }

  /** Parts that stand on the mesh. */
  told(): number[] {
    return [...this.#told.keys()]
  }

  cleared(part: number): void {
    this.#told.delete(part)
  }

  gauge(): { digests: number; parts: number } {
    return { digests: this.#digests.size, parts: this.#told.size }
  }

  #isDue(part: number, rows: readonly InventoryRow[], now: number): boolean {
    const told = this.#told.get(part)
    if (!told) return true
    const { remadeMs, ttlMs } = this.settings
    const age = now - told.at
    if (age >= ttlMs / 2) return true
    const { substance, whole } = printsOf(encodePart(rows).r)
    return (this.#tokens >= 1 && substance !== told.substance) || (age >= remadeMs && whole !== told.whole)
  }
}

/** Two texts that are equal where what they stand for is: 13 bytes of id, the state, and 4 bytes of time a row. */
function printsOf(rows: Uint8Array): { substance: string; whole: string } {
  const bytes = Buffer.from(rows)
  const whole = bytes.toString('base64')
  for (let at = 0; at < bytes.length; at += ROW_BYTES) {
    bytes[at + ID_BYTES] = (bytes[at + ID_BYTES] as number) & 0xc0
    bytes.fill(0, at + ID_BYTES + 1, at + ROW_BYTES)
  }
  return { substance: bytes.toString('base64'), whole }
}
