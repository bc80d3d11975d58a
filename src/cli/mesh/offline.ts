/** Founding, joining and leaving while no daemon runs: the state is prepared as the daemon will find it. */
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Context } from '../context.ts'
import { CommandError, reasonOf } from '../errors.ts'

export interface Founded {
  id: string
  peer: string
  name: string
  passphrase?: string
}

export interface Joined extends Founded {
  members?: number | unknown[]
}

/** No invite is longer; what is longer is not one, and need not be read to its end. */
const tokenLimitBytes = 8192

/** Loaded only where it is needed: what a profile is takes longest to load. */
const inState = async <T>(context: Context, act: (state: string) => T | Promise<T>): Promise<T> =>
  (await import('../saved.ts')).inState(context, act)

export async function foundHere(context: Context, host: string | undefined): Promise<Founded> {
  const { initMesh } = await import('#mesh')
  const name = host ?? (await hostOf(context))
  return await inState(context, (state) => initMesh({ folder: join(state, 'mesh'), name, now: Date.now() }))
}

export async function joinHere(context: Context, token: string, host: string | undefined): Promise<Joined> {
  const { joinMesh } = await import('#mesh')
  const name = host ?? (await hostOf(context))
  return await inState(context, (state) =>
    joinMesh({ folder: join(state, 'mesh'), token, name, now: Date.now() }),
  )
}

/** Without a daemon nobody can be told; what is here is put aside, and the others see this host fall silent. */
export async function leaveHere(context: Context): Promise<{ left: true; kept: string }> {
  const { hasMesh, putAside } = await import('#mesh')
  if (!hasMesh(join(context.state, 'mesh'))) throw new CommandError(`${context.state} is in no mesh`)
  return await inState(context, (state) => ({ left: true, kept: putAside(join(state, 'mesh'), Date.now()) }))
}

/** What the daemon would be called: the configuration's name for this host, else its own. */
async function hostOf(context: Context): Promise<string> {
  const { readConfig } = await import('#daemon')
  return readConfig(context.config).host ?? hostname()
}

/** The token itself, or with `-` the first line of standard input. */
export async function tokenFrom(argument: string): Promise<string> {
  if (argument !== '-') return argument.trim()
  return await lineOfInput('token', 'pipe what `lymph mesh invite` printed')
}

/** The first line of standard input: `what` it should be, and how to come by it. */
export async function lineOfInput(what: string, how = 'pipe it, or type it'): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write(`paste the ${what} and press Enter:\n`)
  let text = ''
  try {
    for await (const chunk of process.stdin) {
      text += chunk
      if (text.trimStart().includes('\n') || text.length > tokenLimitBytes) break
    }
  } catch (error) {
    throw new CommandError(`standard input: ${reasonOf(error)}`)
  }
  const [line = ''] = text.trim().split('\n')
  if (line === '') throw new CommandError(`standard input holds no ${what}: ${how}`)
  return line.trim()
}
