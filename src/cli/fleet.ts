/** `lymph fleet`: the same program on several hosts. */
import { Command } from 'commander'
import { addAdopt } from './fleet/adopt.ts'
import { addAsk } from './fleet/ask.ts'
import { addBinaries } from './fleet/binaries.ts'
import { addChanges } from './fleet/changes.ts'
import { addCompare } from './fleet/compare.ts'
import { addOutliers } from './fleet/outliers.ts'
import { addReport } from './fleet/report.ts'

export function fleetCommand(): Command {
  const fleet = new Command('fleet').description('The same program on the hosts of the mesh.')
  addBinaries(fleet)
  addCompare(fleet)
  addOutliers(fleet)
  addReport(fleet)
  addAsk(fleet)
  addAdopt(fleet)
  addChanges(fleet)
  return fleet
}
