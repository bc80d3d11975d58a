/** Modes as policies write them: `644`, `o-w`, `u=rwx,g=rx,o-rwx` (chmod(1)). */

const permission: Readonly<Record<string, number>> = { r: 4, w: 2, x: 1 }
const shift: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 }
const clause = /^([ugoa]*)([-+=])([rwxst]*)$/

export const isMode = (text: string): boolean =>
  /^[0-7]{3,4}$/.test(text) || (text !== '' && text.split(',').every((part) => clause.test(part)))

/** What a mode becomes. @param text one that `isMode` */
export function applyMode(text: string, mode: number): number {
  if (/^[0-7]{3,4}$/.test(text)) return Number.parseInt(text, 8)
  let wanted = mode
  for (const part of text.split(',')) {
    const [, who = '', verb, what = ''] = clause.exec(part) ?? []
    const whose = who === '' || who.includes('a') ? 'ugo' : who
    let bits = 0
    let mask = 0
    for (const one of whose) {
      const place = shift[one] as number
      mask |= 7 << place
      for (const letter of what) bits |= (permission[letter] ?? 0) << place
      if (what.includes('s')) bits |= one === 'u' ? 0o4000 : one === 'g' ? 0o2000 : 0
      mask |= one === 'u' ? 0o4000 : one === 'g' ? 0o2000 : 0
    }
    if (what.includes('t')) bits |= 0o1000
    wanted = verb === '+' ? wanted | bits : verb === '-' ? wanted & ~bits : (wanted & ~mask) | bits
  }
  return wanted
}
