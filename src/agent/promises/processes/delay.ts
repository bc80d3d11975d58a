/**
 * pH's delay for a time: each call of the binary's abnormal processes waits 2^LFC units, in the kernel sensor. The
 * daemon holds the lease and the sensor its own limits; the daemon takes the lease back when this run dies.
 */
import type { Outcome } from '../interface.ts'
import type { Hands } from '../world.ts'

interface Answer {
  before: string
  toleratedUntil?: number
}

/** Why a program that something is tolerated of is not delayed (docs/decisions/tolerance-and-delay.md). */
export const notDelayed = (binary: string, until: number): string =>
  `${binary}: not delayed: something of it is tolerated until ${new Date(until).toISOString()}, and the kernel, which delays, cannot tell what`

export async function delayBinary(
  binary: string,
  forMs: number,
  unitMs: number | undefined,
  hands: Hands,
): Promise<Outcome> {
  if (!hands.daemon) return { result: 'not_kept', line: `delay ${binary}: no daemon answers: start lymph up` }
  try {
    const { before, toleratedUntil } = await hands.daemon.post<Answer>('/agent/delay', {
      binary,
      unitMs: unitMs ?? null,
      untilMs: hands.now() + forMs,
      run: hands.run,
    })
    if (toleratedUntil !== undefined) return { result: 'kept', line: notDelayed(binary, toleratedUntil) }
    return {
      result: 'repaired',
      line: `abnormal processes of ${binary} wait 2^LFC units before each call, for ${forMs / 1000} s (before: ${before})`,
      undo: { of: 'processes', delayed: binary },
    }
  } catch (error) {
    return { result: 'not_kept', line: `delay ${binary}: ${(error as Error).message}` }
  }
}
