/**
 * Compiled code is kept beside the packages, so that a command starts in half the time. Whoever may change what is there may change
 * what runs: it is used only where nobody but root, this user or the checkout's owner can.
 */
import { mkdirSync, statSync } from 'node:fs'
import module from 'node:module'
import { fileURLToPath } from 'node:url'

const packages = fileURLToPath(new URL('../../node_modules', import.meta.url))
const writableByOthers = 0o022

/** Best effort: without it everything runs as well, slower to start. */
export function useCompileCache(): void {
  // Somebody has chosen already, one way or the other.
  if (process.env.NODE_COMPILE_CACHE !== undefined || process.env.NODE_DISABLE_COMPILE_CACHE !== undefined)
    return
  const folder = `${packages}/.lymph-compiled`
  try {
    mkdirSync(folder, { mode: 0o755, recursive: true })
    const { uid, mode } = statSync(folder)
    const trusted = [0, process.getuid?.(), statSync(packages).uid]
    if (trusted.includes(uid) && (mode & writableByOthers) === 0) module.enableCompileCache(folder)
  } catch {
    // A checkout that cannot be written to.
  }
}
