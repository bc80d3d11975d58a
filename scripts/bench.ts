/** `npm run bench -- NAME [ARG ...]`: runs test/bench/NAME.ts, which prints one JSON object. */
import { existsSync, globSync } from 'node:fs'
import { basename } from 'node:path'

const [name, ...rest] = process.argv.slice(2)
const file = `test/bench/${name}.ts`
if (!name || !existsSync(file)) {
  const names = globSync('test/bench/*.ts').map((path) => basename(path, '.ts'))
  console.error(
    `usage: npm run bench -- NAME, where NAME is one of: ${names.sort().join(', ') || '(none yet)'}`,
  )
  process.exit(2)
}
process.argv = [process.argv[0] as string, file, ...rest]
await import(`../${file}`)
