/**
 * Runs the tests under test/ (or the files and folders named) with node:test, one file after the other in its own
 * process, and ends with what was skipped and why.
 */
import { globSync, statSync } from 'node:fs'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

const named = process.argv.slice(2)
const files = (named.length > 0 ? named : ['test'])
  .flatMap((place) => (statSync(place).isDirectory() ? globSync(`${place}/**/*.test.ts`) : [place]))
  .sort()
if (files.length === 0) {
  console.error(`no test file under ${named.join(' ')}: tests are called *.test.ts`)
  process.exit(2)
}

const skipped: { name: string; file: string; why: string }[] = []
// Sequential: several tests load the machine or its one kernel, and would slow each other past their limits.
const patience = Math.max(1, Number(process.env.LYMPH_TEST_PATIENCE) || 1)
const stream = run({ files, concurrency: 1, timeout: 15 * 60_000 * patience })
stream.on('test:pass', (data) => {
  if (data.skip) skipped.push({ name: data.name, file: data.file ?? '', why: String(data.skip) })
})
stream.on('test:fail', () => {
  process.exitCode = 1
})
stream.compose(new spec()).pipe(process.stdout)
process.on('exit', () => {
  if (skipped.length === 0) return
  console.log(`\nskipped on this machine (${skipped.length}):`)
  for (const { name, file, why } of skipped)
    console.log(
      `  ${file.replace(`${process.cwd()}/`, '')}: ${name}: ${why === 'true' ? 'no reason given' : why}`,
    )
})
