import type { SensorTotals } from '../interface.ts'
import type { Leases } from './leases.ts'
import type { PairTables } from './pairs.ts'
import type { KernelProgram } from './program.ts'
import type { Slots } from './slots.ts'

/**
 * What became of every call. `seen` is the sum of its parts as they were read, since the kernel goes on counting while
 * we read; that this is what the kernel counted on its own at entry is `unaccounted` of a sensor at rest: 0.
 */
export function totalsOf(
  program: KernelProgram,
  slots: Slots,
  tables: PairTables,
  leases: Leases,
): SensorTotals {
  const { maps } = program
  const { runTimeNs, runs, missed } = program.runs()
  const processed = maps.countedAll() + slots.retiredCalls
  const skipped = maps.total('restarted') + maps.total('noProgram')
  const lost = maps.total('noRoom') + maps.total('noState') + missed
  return {
    seen: processed + skipped + lost,
    processed,
    skipped,
    lost,
    lostEvents: maps.total('lostEvents'),
    unitsRefused: maps.total('unitsRefused'),
    scriptsRefused: maps.total('scriptsRefused'),
    unitRecordsLost: maps.total('unitEventsLost'),
    profiles: slots.used().length,
    profilesLimit: maps.profileSlots - 1,
    rows: slots.rowsInUse(),
    rowsLimit: maps.rowSlots - 1,
    evictions: slots.evictions,
    rowsRefused: maps.total('rowsRefused') + tables.rowsRefused,
    delayedNow: leases.size,
    delays: leases.delays,
    runTimeNs,
    runs,
  }
}

/** Calls the kernel counted at entry and that none of its other counters has. Exact when nothing runs meanwhile. */
export function unaccounted(program: KernelProgram, slots: Slots): number {
  const { maps } = program
  const entered = maps.total('seen')
  const parts = ['restarted', 'noProgram', 'noRoom', 'noState'] as const
  return (
    entered - maps.countedAll() - slots.retiredCalls - parts.reduce((sum, part) => sum + maps.total(part), 0)
  )
}
