/** Entry of the command line. Everything is loaded after the version check, so that an old Node.js gets a sentence. */
const needed = 24

if (Number.parseInt(process.versions.node, 10) < needed) {
  process.stderr.write(
    `error: lymph: needs Node.js ${needed} or later, and this is ${process.versions.node}: use scripts/lymph, which brings its own\n`,
  )
  process.exit(2)
}

// `lymph profile list | head` ends when head has enough, and that is no error.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit()
    throw error
  })

const { useCompileCache } = await import('./compile-cache.ts')
useCompileCache()
const { run } = await import('./program.ts')
process.exitCode = await run(process.argv.slice(2))

export {}
