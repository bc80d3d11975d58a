/** `$(this.pid)` and its like: of the process a step is about, put in when the step is made. */
import type { Selected } from './processes/select.ts'

export function thisOf({ process: { pid, binary, name, owner }, offence }: Selected): Record<string, string> {
  return {
    'this.pid': String(pid),
    'this.binary': binary,
    'this.name': name,
    'this.owner': owner,
    'this.incident': offence?.incident ?? '',
    'this.lfc': String(offence?.lfc ?? 0),
  }
}

/** One word stays one word, whatever is in it: nothing is handed to a shell. */
export function put(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\((this\.[a-z]+)\)/g, (whole, name: string) => values[name] ?? whole)
}
