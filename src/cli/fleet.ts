/** `lymph fleet`: the same program on several hosts. */
import { Command } from 'commander'
import { addAsk } from './fleet/ask.ts'
import { addBinaries } from './fleet/binaries.ts'
import { addChanges } from './fleet/changes.ts'
import { addCompare } from './fleet/compare.ts'

export function fleetCommand(): Command {
  const fleet = new Command('fleet').description('The same program on the hosts of the mesh.')
  addBinaries(fleet)
  addCompare(fleet)
  addAsk(fleet)
  addChanges(fleet)
  return fleet
}
