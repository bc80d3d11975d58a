/** Which package a file came with, as the package manager's own records tell it. */

export interface Package {
  name: string
  version: string
}

/** A package as it is installed here; `installed`: when the manager put its files there last, ms since the epoch. */
export interface Installed extends Package {
  installed: number
}

/** A package manager of this host. */
export interface PackageManager {
  readonly kind: 'dpkg' | 'rpm'
  /** Changes whenever a transaction has changed what is installed; undefined: there is no such manager here. */
  stamp(): Promise<string | undefined>
  /** The packages that own these paths; those that none owns are left out. */
  ownersOf(paths: readonly string[]): Promise<Map<string, Installed>>
}

/** Printable, without spaces, and short enough for a digest. */
const wordPattern = /^[\x21-\x7e]{1,64}$/
export const isPackageWord = (text: string): boolean => wordPattern.test(text)

/** After the usr-merge one file has two paths, and a package may list either. */
export function spellingsOf(path: string): string[] {
  const merged = /^\/usr(\/(?:bin|sbin|lib|lib32|lib64|libx32)\/.+)$/.exec(path)
  if (merged) return [path, merged[1] as string]
  return /^\/(?:bin|sbin|lib|lib32|lib64|libx32)\/./.test(path) ? [path, `/usr${path}`] : [path]
}

const unpackaged = /^\/(?:home|tmp|root|run|dev|proc|mnt|media|srv|usr\/local|var\/tmp)\//

/** Where packages put files: the Filesystem Hierarchy Standard leaves the rest to users. Looking through all lists costs. */
export const mayBePackaged = (path: string): boolean => path.startsWith('/') && !unpackaged.test(path)
