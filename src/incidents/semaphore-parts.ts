/** What every kind of semaphore has. */
import { z } from 'zod'

export const severities = ['notice', 'incident', 'severe'] as const
/** ms since the epoch. */
export const time = z.number().int().min(0).max(8.64e15)
export const timely = ({ firstSeen, lastSeen }: { firstSeen: number; lastSeen: number }): boolean =>
  firstSeen <= lastSeen
