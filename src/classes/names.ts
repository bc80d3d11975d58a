import { ClassError } from './errors.ts'

/** Longest class name, in characters. */
export const CLASS_NAME_LIMIT = 128

/** cfengine's rule for class names: letters, digits and `_`. */
export function isClassName(name: string): boolean {
  return name.length <= CLASS_NAME_LIMIT && /^[A-Za-z0-9_]+$/.test(name)
}

export function checkClassName(name: string): void {
  if (isClassName(name)) return
  throw new ClassError(
    `'${name.slice(0, CLASS_NAME_LIMIT)}' is no name of a class: 1 to ${CLASS_NAME_LIMIT} letters, digits and _`,
  )
}

/** cfengine's canonify: whatever no class name may hold becomes `_`. `/usr/sbin/nginx` -> `_usr_sbin_nginx`. */
export function canonify(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_]/g, '_').slice(0, CLASS_NAME_LIMIT)
}
