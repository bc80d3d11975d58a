/** What a check found: a line that says how it stands, why, and what to do where it fails. */
export interface Finding {
  check: string
  /** `skipped`: it could not be looked at from here; that alone is no fault. */
  state: 'ok' | 'failed' | 'skipped'
  why: string
  todo?: string
}

export const ok = (check: string, why: string): Finding => ({ check, state: 'ok', why })
export const failed = (check: string, why: string, todo: string): Finding => ({
  check,
  state: 'failed',
  why,
  todo,
})
export const skipped = (check: string, why: string): Finding => ({ check, state: 'skipped', why })
